/** PORT: what time it is. Injected wherever a decision depends on time, so that a test can move it. */
export abstract class Clock {
  /** Wall-clock time: for timestamps and expiry. */
  abstract now(): Date;

  /** Milliseconds that never run backwards: for durations. */
  abstract monotonicMs(): number;
}

/** The machine's clock. */
export class SystemClock extends Clock {
  override now(): Date {
    return new Date();
  }

  override monotonicMs(): number {
    return performance.now();
  }
}
