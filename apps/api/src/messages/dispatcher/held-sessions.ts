import { setTimeout as delay } from 'node:timers/promises';
import { backoff } from '#kernel';

const LARGEST_GROUP = 100;
/** A try waits for the rows as long as the database lets it, so there is not much to wait between two. */
const RETRY = { baseMs: 200, maxMs: 1_000 };
/** How long everything else waits for rows: longer than the database needs to see that transactions wait for each other. */
export const GROUP_LOCK_WAIT_MS = 1_500;
/** The same of one session, when a group has waited in vain and it is to be found out for which. */
export const SESSION_LOCK_WAIT_MS = 300;

/**
 * What has to be written of sessions whose rows somebody holds, beside everything else, which so waits for nobody: one
 * session at a time, that of each in its order, for as long as the process lives. A session is here until nothing of it
 * waits any more; what comes meanwhile belongs here too.
 */
export class HeldSessions<T> {
  private readonly waiting = new Map<string, T[]>();
  private running: Promise<void> | undefined;
  private stopped = false;

  /** @param settle writes what is of one session; false when it has to be tried again */
  constructor(private readonly settle: (group: readonly T[]) => Promise<boolean>) {}

  holds(sessionId: string): boolean {
    return this.waiting.has(sessionId);
  }

  get items(): T[] {
    return [...this.waiting.values()].flat();
  }

  add(sessionId: string, items: readonly T[]): void {
    if (items.length === 0) return;
    this.waiting.set(sessionId, [...(this.waiting.get(sessionId) ?? []), ...items]);
    if (!this.stopped) this.running ??= this.drain();
  }

  /** What waits is tried no more. */
  stop(): void {
    this.stopped = true;
  }

  /** Resolves when nothing waits any more. */
  async flush(): Promise<void> {
    while (this.running !== undefined) await this.running;
  }

  private async drain(): Promise<void> {
    for (let failures = 0; this.waiting.size > 0 && !this.stopped;) {
      const [sessionId = ''] = this.waiting.keys();
      const group = (this.waiting.get(sessionId) ?? []).slice(0, LARGEST_GROUP);
      const isSettled = await this.settle(group);
      const all = this.waiting.get(sessionId) ?? [];
      const left = isSettled ? all.filter((one) => !group.includes(one)) : all;
      // Behind the others: one that stays held must not hold up those either.
      this.waiting.delete(sessionId);
      if (left.length > 0) this.waiting.set(sessionId, left);
      if (isSettled) failures = 0;
      else await delay(backoff(failures++, RETRY));
    }
    this.running = undefined;
  }
}
