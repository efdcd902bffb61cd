import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  /** Generous: it only matters when the thing never happens. 30 s unless told. */
  deadlineMs?: number;
  /** Named in the error. */
  what: string;
  /** Between two looks, 25 ms unless told. */
  pollMs?: number;
}

/**
 * Waits until `condition` gives something other than undefined, null or false, and gives that.
 * A condition that throws counts as not yet; its last error is the cause of the failure.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { deadlineMs = 30_000, what, pollMs = 25 }: WaitOptions,
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = performance.now() + deadlineMs;
  let cause: unknown;
  do {
    try {
      const value = await condition();
      if (value !== undefined && value !== null && value !== false)
        return value as Exclude<T, undefined | null | false>;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await delay(pollMs);
  } while (performance.now() < deadline);
  throw new Error(`waited ${deadlineMs} ms in vain for ${what}`, { cause });
}
