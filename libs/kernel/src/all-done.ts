/**
 * As Promise.all, but settles only when all have ended, also when one fails: for statements of one transaction that
 * travel together, so that none is still under way when its connection is given back. Rejects with the first failure.
 */
export async function allDone<T extends readonly unknown[]>(
  work: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
