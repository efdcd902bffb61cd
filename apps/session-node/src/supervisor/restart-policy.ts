import { backoff, type Clock } from '#kernel';

export interface RestartLimits {
  /** First wait is at most this, so that a single crash heals quickly. */
  firstMaxMs: number;
  /** Ceiling of every wait. */
  maxMs: number;
  /** Restarts within an hour before the session is given up. */
  perHour: number;
}

const HOUR_MS = 3_600_000;

/** Decides how long a lost session waits before its next browser, and when it has failed too often. */
export class RestartPolicy {
  private readonly restarts: number[] = [];
  private streak = 0;
  private wakeUp: (() => void) | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly limits: RestartLimits,
    private readonly random: () => number = Math.random,
  ) {}

  /** Restarts within the last hour. */
  get lastHour(): number {
    const since = this.clock.monotonicMs() - HOUR_MS;
    while (this.restarts[0] !== undefined && this.restarts[0] < since) this.restarts.shift();
    return this.restarts.length;
  }

  /** Counts one more restart; milliseconds to wait before it, or undefined when the budget is spent. */
  next(): number | undefined {
    if (this.lastHour >= this.limits.perHour) return undefined;
    this.restarts.push(this.clock.monotonicMs());
    const attempt = this.streak;
    this.streak += 1;
    return backoff(attempt, {
      baseMs: this.limits.firstMaxMs,
      maxMs: this.limits.maxMs,
      random: this.random,
    });
  }

  /** Milliseconds until the oldest restart leaves the hour and there is room for another. */
  get roomInMs(): number {
    if (this.lastHour < this.limits.perHour) return 0;
    return (this.restarts[0] ?? 0) + HOUR_MS - this.clock.monotonicMs() + 1;
  }

  /** Waits before a restart; {@link wake} ends the wait. */
  async sleep(waitMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wakeUp = undefined;
  }

  wake(): void {
    this.wakeUp?.();
  }

  /** The session was proven connected: the next loss waits shortly again. The hourly budget stays. */
  recovered(): void {
    this.streak = 0;
  }

  /** A request by a person starts afresh. */
  reset(): void {
    this.streak = 0;
    this.restarts.length = 0;
  }
}
