const MAX_IDS = 10_000;

/**
 * Which message ids of a session this process has begun to send. With it a node can prove that a send never began,
 * promise that it never will, and refuse to begin one a second time. It forgets nothing it could be asked about:
 * once it had to forget, it proves nothing any more about ids it does not know.
 */
export class SendLedger {
  private readonly begun = new Set<string>();
  private readonly barred = new Set<string>();
  private hasForgotten = false;

  /**
   * Notes the beginning of a send.
   * @returns `barred` when it was promised never to begin, `repeated` when it began before
   */
  begin(waMessageId: string): 'new' | 'repeated' | 'barred' {
    if (this.barred.has(waMessageId)) return 'barred';
    if (this.begun.has(waMessageId)) return 'repeated';
    this.begun.add(waMessageId);
    if (this.begun.size > MAX_IDS) this.forgetOldest(this.begun);
    return 'new';
  }

  /** The send certainly did not leave: the same id may begin again. */
  notSent(waMessageId: string): void {
    this.begun.delete(waMessageId);
  }

  /** True, and from now on kept to, when a send with this id never began and never will. */
  bar(waMessageId: string): boolean {
    if (this.hasForgotten || this.begun.has(waMessageId)) return false;
    if (this.barred.size >= MAX_IDS) return false;
    this.barred.add(waMessageId);
    return true;
  }

  private forgetOldest(ids: Set<string>): void {
    const [oldest] = ids;
    if (oldest !== undefined) ids.delete(oldest);
    this.hasForgotten = true;
  }
}
