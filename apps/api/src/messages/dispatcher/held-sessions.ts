import { setTimeout as delay } from 'node:timers/promises';
import { backoff } from '#kernel';

const LARGEST_GROUP = 100;
/** A try waits for the rows itself, so there is not much to wait between two. */
const RETRY = { baseMs: 200, maxMs: 1_000 };
/** Sessions that are tried at the same moment: each takes one connection of the pool. */
const AT_ONCE = 3;
/** How long a group, and each try of a session apart, waits for rows: longer than the database needs to see that transactions wait for each other. */
export const GROUP_LOCK_WAIT_MS = 1_500;
/** The same of one session, when a group has waited in vain and it is to be found out for which. */
export const SESSION_LOCK_WAIT_MS = 300;

/**
 * What has to be written of sessions whose rows somebody holds, beside everything else, which so waits for nobody: a few
 * sessions at a time, that of each in its order, for as long as the process lives. One that stays held takes its turns
 * and waits between them by itself, so it holds up none of the others. A session is here until nothing of it waits any
 * more; what comes meanwhile belongs here too.
 */
export class HeldSessions<T> {
  private readonly waiting = new Map<string, T[]>();
  private readonly runs = new Set<Promise<void>>();
  private trying = 0;
  /** Who waits for a turn: sessions whose last try, if there was one, succeeded, and the others. */
  private readonly fresh: (() => void)[] = [];
  private readonly again: (() => void)[] = [];
  private isTurnOfFresh = true;
  private stopped = false;

  /** @param settle writes of one session's group what it can, and resolves with that; the rest has to be tried again */
  constructor(private readonly settle: (group: readonly T[]) => Promise<readonly T[]>) {}

  holds(sessionId: string): boolean {
    return this.waiting.has(sessionId);
  }

  get items(): T[] {
    return [...this.waiting.values()].flat();
  }

  add(sessionId: string, items: readonly T[]): void {
    if (items.length === 0) return;
    const known = this.waiting.get(sessionId);
    this.waiting.set(sessionId, [...(known ?? []), ...items]);
    if (known || this.stopped) return;
    const run = this.drain(sessionId).finally(() => this.runs.delete(run));
    this.runs.add(run);
  }

  /** What waits is tried no more. */
  stop(): void {
    this.stopped = true;
  }

  /** Resolves when nothing waits any more. */
  async flush(): Promise<void> {
    while (this.runs.size > 0) await Promise.all(this.runs);
  }

  private async drain(sessionId: string): Promise<void> {
    for (let failures = 0; this.waiting.has(sessionId) && !this.stopped;) {
      await this.turn(failures === 0);
      const isSettled = await this.try(sessionId).finally(() => this.passOn());
      if (isSettled) failures = 0;
      else await delay(backoff(failures++, RETRY));
    }
  }

  /** False when nothing could be written. */
  private async try(sessionId: string): Promise<boolean> {
    if (this.stopped) return false;
    const group = (this.waiting.get(sessionId) ?? []).slice(0, LARGEST_GROUP);
    const settled = new Set(await this.settle(group));
    const left = (this.waiting.get(sessionId) ?? []).filter((one) => !settled.has(one));
    if (left.length > 0) this.waiting.set(sessionId, left);
    else this.waiting.delete(sessionId);
    return settled.size > 0;
  }

  private async turn(isFresh: boolean): Promise<void> {
    if (this.trying < AT_ONCE) this.trying += 1;
    else await new Promise<void>((begin) => (isFresh ? this.fresh : this.again).push(begin));
  }

  /** By turns to both: neither those that stay held, nor those that keep coming, take all. */
  private passOn(): void {
    const [first, second] = this.isTurnOfFresh ? [this.fresh, this.again] : [this.again, this.fresh];
    this.isTurnOfFresh = !this.isTurnOfFresh;
    const begin = first.shift() ?? second.shift();
    if (begin) begin();
    else this.trying -= 1;
  }
}
