import { IdFilter } from './id-filter.js';

const MAX_IDS = 10_000;

/**
 * Which message ids of a session this process has begun to send. With it a node can prove that a send never began,
 * promise that it never will, and refuse to begin one a second time. Of the latest it knows
 * the ids; of those before, enough never to promise anything about one that began. The more there were of those, the
 * fewer promises it can give of ids that never began.
 */
export class SendLedger {
  private readonly begun = new Set<string>();
  private readonly barred = new Set<string>();
  private forgotten: IdFilter | undefined;

  /**
   * Notes the beginning of a send.
   * @returns `barred` when it was promised never to begin, `repeated` when it began before
   */
  begin(waMessageId: string): 'new' | 'repeated' | 'barred' {
    if (this.barred.has(waMessageId)) return 'barred';
    if (this.begun.has(waMessageId)) return 'repeated';
    this.begun.add(waMessageId);
    if (this.begun.size > MAX_IDS) this.forgetOldest();
    return 'new';
  }

  /** The send certainly did not leave: the same id may begin again. */
  notSent(waMessageId: string): void {
    this.begun.delete(waMessageId);
  }

  /** True, and from now on kept to, when a send with this id never began and never will. */
  bar(waMessageId: string): boolean {
    if (this.begun.has(waMessageId) || this.forgotten?.mayHave(waMessageId)) return false;
    if (this.barred.size >= MAX_IDS) return false;
    this.barred.add(waMessageId);
    return true;
  }

  private forgetOldest(): void {
    const [oldest] = this.begun;
    if (oldest === undefined) return;
    this.begun.delete(oldest);
    this.forgotten ??= new IdFilter();
    this.forgotten.add(oldest);
  }
}
