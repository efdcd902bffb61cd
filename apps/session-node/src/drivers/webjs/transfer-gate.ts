import { LARGE_TRANSFER_BYTES } from '#contracts';

/** The large files before this one took too long; its work was not begun. */
export class TransferGateBusy extends Error {
  constructor() {
    super('other large files are on their way');
  }
}

/** Lets one large file at a time through a node: each costs several times its size in memory while it is in the page. */
export class TransferGate {
  private isTaken = false;
  private readonly waiting: (() => void)[] = [];

  /**
   * Runs the work, after the large ones before it when it is large itself.
   * @throws TransferGateBusy when its turn has not come within `waitMs`
   */
  async run<T>(bytes: number, waitMs: number, work: () => Promise<T>): Promise<T> {
    if (bytes < LARGE_TRANSFER_BYTES) return work();
    await this.enter(waitMs);
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  private async enter(waitMs: number): Promise<void> {
    if (!this.isTaken) {
      this.isTaken = true;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const enter = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.splice(this.waiting.indexOf(enter), 1);
        reject(new TransferGateBusy());
      }, waitMs);
      this.waiting.push(enter);
    });
  }

  /** Hands the gate on to the next one, or opens it. */
  private leave(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.isTaken = false;
  }
}
