/** What a clean-up removed, or would remove. */
export interface Removed {
  /** Rows of messages. */
  messages: number;
  /** Rows of files. */
  media: number;
  /** Objects whose row was removed. */
  objects: number;
  /** Objects that never had a row, or whose file ended otherwise than stored. */
  orphans: number;
  /** Uploads in parts that were begun and left. */
  uploads: number;
  /** Of all objects removed. */
  bytes: number;
}

export const NOTHING: Removed = { messages: 0, media: 0, objects: 0, orphans: 0, uploads: 0, bytes: 0 };

export function plus(one: Removed, other: Partial<Removed>): Removed {
  const sum = { ...one };
  for (const name of Object.keys(NOTHING) as (keyof Removed)[]) sum[name] += other[name] ?? 0;
  return sum;
}

export function isNothing(removed: Removed): boolean {
  return Object.values(removed).every((count) => count === 0);
}
