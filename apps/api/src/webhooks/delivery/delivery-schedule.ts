/**
 * Waits before the second and every further attempt, seconds: Standard Webhooks' schedule. Ten attempts, the last one
 * at least 75 hours and 35 minutes after the first.
 */
const WAITS_SECONDS = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

export const MOST_ATTEMPTS = WAITS_SECONDS.length + 1;
/** Added to a wait at random, so that what failed together is not tried together. */
const JITTER = 0.1;
const LONGEST_RETRY_AFTER_SECONDS = 86_400;

/**
 * Milliseconds until the next attempt; undefined when the last one was made.
 * @param attempts made so far, at least 1
 * @param retryAfterSeconds what the receiver asked for; it lengthens a wait up to a day, and never shortens it
 */
export function nextWaitMs(
  attempts: number,
  retryAfterSeconds: number | null,
  random: () => number = Math.random,
): number | undefined {
  const seconds = WAITS_SECONDS[attempts - 1];
  if (seconds === undefined) return undefined;
  const asked = Math.min(retryAfterSeconds ?? 0, LONGEST_RETRY_AFTER_SECONDS);
  return Math.round(Math.max(seconds, asked) * (1 + random() * JITTER) * 1_000);
}

/** Seconds of a Retry-After header, which is a number or a date (RFC 9110, 10.2.3); null when it is neither. */
export function readRetryAfter(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header.trim());
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, Math.ceil((at - nowMs) / 1_000));
}
