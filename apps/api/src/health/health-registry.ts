import { Inject, Injectable } from '@nestjs/common';
import { Clock, withDeadline } from '#kernel';

export interface HealthCheck {
  /** Snake case: `object_store`. */
  name: string;
  /** Rejects when the part cannot be used; what it resolves with is shown. */
  run: () => Promise<Record<string, unknown> | void>;
  /** Whether the api can do nothing useful without it. */
  critical: boolean;
}

export interface CheckResult {
  state: 'up' | 'down';
  critical: boolean;
  ms: number;
  detail?: Record<string, unknown>;
}

export interface Readiness {
  /** `degraded`: requests are served, but something that is not critical is down. */
  status: 'ready' | 'degraded' | 'not_ready';
  checks: Record<string, CheckResult>;
}

const CHECK_TIMEOUT_MS = 3_000;
/** Anyone may ask, so the parts are asked at most this often. */
const REMEMBER_MS = 1_000;

/** What the api needs to do its work. Features add their checks when they start. */
@Injectable()
export class HealthRegistry {
  private readonly checks: HealthCheck[] = [];
  private leaving = false;
  private newest: { at: number; readiness: Promise<Readiness> } | undefined;

  constructor(@Inject(Clock) private readonly clock: Clock) {}

  add(check: HealthCheck): void {
    this.checks.push(check);
  }

  /** From now on the process is not ready: it is about to end. */
  leave(): void {
    this.leaving = true;
    this.newest = undefined;
  }

  /** The process is about to end; whoever holds a request back lets it go. */
  get isLeaving(): boolean {
    return this.leaving;
  }

  /** Runs all checks side by side; the answer is at most a second old. */
  readiness(): Promise<Readiness> {
    const nowMs = this.clock.monotonicMs();
    if (!this.newest || nowMs - this.newest.at > REMEMBER_MS)
      this.newest = { at: nowMs, readiness: this.runAll() };
    return this.newest.readiness;
  }

  private async runAll(): Promise<Readiness> {
    const results = await Promise.all(this.checks.map((check) => this.runOne(check)));
    const down = results.filter(([, result]) => result.state === 'down');
    const blocked = this.leaving || down.some(([, result]) => result.critical);
    return {
      status: blocked ? 'not_ready' : down.length > 0 ? 'degraded' : 'ready',
      checks: Object.fromEntries(results),
    };
  }

  private async runOne({ name, run, critical }: HealthCheck): Promise<[string, CheckResult]> {
    const startMs = this.clock.monotonicMs();
    const ms = () => Math.round(this.clock.monotonicMs() - startMs);
    try {
      const detail = await withDeadline(run(), CHECK_TIMEOUT_MS, name);
      return [name, { state: 'up', critical, ms: ms(), ...(detail ? { detail } : {}) }];
    } catch {
      // Anyone may read this: what went wrong is for the log of whoever uses the part, not for here.
      return [name, { state: 'down', critical, ms: ms() }];
    }
  }
}
