/** Rungs of a sent message's status. What has not provably left may go back to the queue, so that is one rung. */
const RUNGS: Record<string, number> = {
  queued: 0,
  sending: 0,
  unknown: 0,
  unknown_final: 1,
  failed: 1,
  sent: 2,
  delivered: 3,
  read: 4,
  played: 5,
};

/** Statuses in which nothing more has to happen. */
export const ENDED: ReadonlySet<string> = new Set([
  'sent',
  'delivered',
  'read',
  'played',
  'failed',
  'expired',
  'cancelled',
  'unknown_final',
]);

/** Statuses that say that WhatsApp has the message. */
export const LEFT: ReadonlySet<string> = new Set(['sent', 'delivered', 'read', 'played']);

/** Statuses that say that it did not leave, and never will. */
export const NEVER_LEFT: ReadonlySet<string> = new Set(['expired', 'cancelled']);

/** Whether a message that was seen as `before` may be seen as `after` later. */
export function mayFollow(before: string, after: string): boolean {
  if (before === after) return true;
  // Out of the queue for good: nothing follows.
  if (NEVER_LEFT.has(before) || before === 'received') return false;
  if (NEVER_LEFT.has(after)) return RUNGS[before] === 0;
  const from = RUNGS[before];
  const to = RUNGS[after];
  return from !== undefined && to !== undefined && to >= from;
}
