import { backoff } from '#kernel';

/** Ceiling of the wait after the first failed attempt grows by this with each further one. */
const FACTOR = 6;
const LONGEST_WAIT_MS = 6 * 3_600_000;

/**
 * The wait after a failed download, in milliseconds: exponential with full jitter, uniform between 0 and a ceiling of
 * 5 s, 30 s, 3 min, 18 min, 1.8 h and 6 h with a `firstMs` of 5,000.
 * @param failures attempts that failed before the last one
 */
export function retryWaitMs(failures: number, firstMs: number, random?: () => number): number {
  const options = { baseMs: firstMs, maxMs: LONGEST_WAIT_MS, factor: FACTOR };
  return backoff(failures, random ? { ...options, random } : options);
}

/** Bytes that even a slow line carries in a millisecond. */
const BYTES_PER_MS = 100;
/** The longest a claim of a download may last; it ends sooner when its process does. */
export const CLAIM_SECONDS = 7_200;
const LONGEST_DOWNLOAD_MS = (CLAIM_SECONDS - 60) * 1_000;

/**
 * How long a node may take for a file: what its own limits allow (60 s and a second per 100 kB, once to wait for other
 * large files and once to fetch), and as much again to store it.
 */
export function downloadTimeoutMs(bytes: number): number {
  return Math.min(LONGEST_DOWNLOAD_MS, 3 * (60_000 + Math.ceil(bytes / BYTES_PER_MS)));
}
