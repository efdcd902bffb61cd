/** Failures in a row after which a receiver gets a probe now and then instead of every event. */
const OPENS_AFTER = 5;
const FIRST_WAIT_MS = 5_000;
const LONGEST_WAIT_MS = 300_000;

/** What is kept of a receiver's health, also over a change of the process that delivers. */
export interface BreakerState {
  failures: number;
  /** Milliseconds since the epoch of the first failure in a row. */
  failingSinceMs: number | null;
  /** No attempt before. */
  openUntilMs: number | null;
}

/** Keeps a receiver that fails from being called for every event: closed, open, and half open for one probe at a time. */
export class CircuitBreaker {
  constructor(
    private state: BreakerState = { failures: 0, failingSinceMs: null, openUntilMs: null },
    private readonly random: () => number = Math.random,
  ) {}

  get current(): BreakerState {
    return this.state;
  }

  /** How many attempts may run at once now, of `most`: none while open, one as a probe. */
  allowed(most: number, nowMs: number): number {
    if (this.state.failures < OPENS_AFTER) return most;
    return this.waitMs(nowMs) > 0 ? 0 : 1;
  }

  /** Until the next probe may be made. */
  waitMs(nowMs: number): number {
    return Math.max(0, (this.state.openUntilMs ?? 0) - nowMs);
  }

  succeeded(): void {
    this.state = { failures: 0, failingSinceMs: null, openUntilMs: null };
  }

  failed(nowMs: number, retryAfterSeconds: number | null): void {
    const failures = this.state.failures + 1;
    const failingSinceMs = this.state.failingSinceMs ?? nowMs;
    const over = failures - OPENS_AFTER;
    const ceilingMs = over < 0 ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(over, 20));
    // Half fixed, half random: many webhooks that failed together do not come back together.
    const ownMs = ceilingMs / 2 + this.random() * (ceilingMs / 2);
    const askedMs = Math.min((retryAfterSeconds ?? 0) * 1_000, LONGEST_WAIT_MS);
    const waitMs = over < 0 ? 0 : Math.max(ownMs, askedMs);
    this.state = { failures, failingSinceMs, openUntilMs: waitMs > 0 ? nowMs + waitMs : null };
  }
}
