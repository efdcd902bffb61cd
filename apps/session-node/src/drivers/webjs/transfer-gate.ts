/** From this size on a file counts as large. */
export const LARGE_TRANSFER_BYTES = 8 * 1024 * 1024;

/** Lets one large file at a time through a node: each costs several times its size in memory while it is in the page. */
export class TransferGate {
  private last: Promise<unknown> = Promise.resolve();

  /** Runs the work, after the large ones before it when it is large itself. */
  async run<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    if (bytes < LARGE_TRANSFER_BYTES) return work();
    const before = this.last;
    const mine = before.then(work, work);
    this.last = mine.catch(() => undefined);
    return mine;
  }
}
