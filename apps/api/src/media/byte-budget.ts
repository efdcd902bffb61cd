/** The bytes asked for did not become free in time. */
export class ByteBudgetError extends Error {
  override readonly name = 'ByteBudgetError';
}

interface Waiting {
  bytes: number;
  enter: () => void;
}

/** Bounds what work under way holds in memory together, in bytes. First come, first served. */
export class ByteBudget {
  private free: number;
  private readonly waiting: Waiting[] = [];

  constructor(private readonly capacity: number) {
    this.free = capacity;
  }

  /**
   * Runs work that holds `bytes` (at most the whole budget is counted), once they are free.
   * @throws ByteBudgetError when they are not within `waitMs`; nothing was begun
   */
  async run<T>(bytes: number, waitMs: number, work: () => Promise<T>): Promise<T> {
    const counted = Math.min(bytes, this.capacity);
    await this.take(counted, waitMs);
    try {
      return await work();
    } finally {
      this.free += counted;
      this.letIn();
    }
  }

  private async take(bytes: number, waitMs: number): Promise<void> {
    if (this.waiting.length === 0 && bytes <= this.free) {
      this.free -= bytes;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.splice(this.waiting.indexOf(entry), 1);
        reject(new ByteBudgetError('too many bytes are under way'));
        this.letIn();
      }, waitMs);
      const entry: Waiting = {
        bytes,
        enter: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      this.waiting.push(entry);
    });
  }

  private letIn(): void {
    for (let next = this.waiting[0]; next && next.bytes <= this.free; next = this.waiting[0]) {
      this.waiting.shift();
      this.free -= next.bytes;
      next.enter();
    }
  }
}
