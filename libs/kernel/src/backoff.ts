export interface BackoffOptions {
  /** Ceiling of the first wait. */
  baseMs: number;
  /** Ceiling of every wait. */
  maxMs: number;
  /** Growth per attempt, 2 unless told. */
  factor?: number;
  /** A number in [0, 1); `Math.random` unless told. */
  random?: () => number;
}

/**
 * Wait before retry number `attempt` (0 = first retry), in whole milliseconds: exponential with full jitter,
 * uniform in `[0, min(maxMs, baseMs * factor^attempt)]`.
 */
export function backoff(attempt: number, options: BackoffOptions): number {
  const { baseMs, maxMs, factor = 2, random = Math.random } = options;
  const ceilingMs = Math.min(maxMs, baseMs * factor ** Math.max(0, attempt));
  return Math.floor(random() * (ceilingMs + 1));
}
