import { createHash } from 'node:crypto';
import type { NodeEvent } from '#contracts';

/** How often in a row the same first fact of a session may fail to be stored in time. */
const MOST_FAILURES = 3;
const REMEMBERED_MS = 30 * 60_000;

interface Failures {
  count: number;
  atMs: number;
}

/**
 * Facts that take longer to store than a statement may, as far as this process knows: which ones failed so often that
 * they would hold back those behind them for ever, and which were put aside already, in case the node sends them again.
 */
export class SlowFacts {
  private readonly failures = new Map<string, Failures>();
  private readonly aside = new Map<string, number>();

  /** Notes that storing from this fact on took too long again. True: it is not to be tried as before any more. */
  isStuck(head: NodeEvent): boolean {
    const nowMs = performance.now();
    for (const [key, { atMs }] of this.failures) {
      if (nowMs - atMs > REMEMBERED_MS) this.failures.delete(key);
    }
    const key = keyOf(head);
    const count = (this.failures.get(key)?.count ?? 0) + 1;
    this.failures.set(key, { count, atMs: nowMs });
    return count >= MOST_FAILURES;
  }

  /** All from this fact on was stored, or put aside. */
  forget(head: NodeEvent): void {
    if (this.failures.size > 0) this.failures.delete(keyOf(head));
  }

  putAside(event: NodeEvent): void {
    const nowMs = performance.now();
    for (const [key, atMs] of this.aside) if (nowMs - atMs > REMEMBERED_MS) this.aside.delete(key);
    this.aside.set(keyOf(event), nowMs);
  }

  /** Those that were not put aside. */
  without(events: readonly NodeEvent[]): readonly NodeEvent[] {
    return this.aside.size === 0 ? events : events.filter((event) => !this.aside.has(keyOf(event)));
  }
}

function keyOf({ tenantId, sessionId, fact }: NodeEvent): string {
  return createHash('sha256')
    .update(JSON.stringify([tenantId, sessionId, fact]))
    .digest('base64');
}
