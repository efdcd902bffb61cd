/** Lets a few browsers start at a time, first come first served. Starting a browser is heavy on the CPU. */
export class LaunchGate {
  private free: number;
  private readonly queue: { admit: () => void }[] = [];

  constructor(slots: number) {
    this.free = slots;
  }

  /** How many wait for a slot. */
  get waiting(): number {
    return this.queue.length;
  }

  /**
   * Resolves with the slot's release (safe to call twice), or with undefined when `signal` is aborted first,
   * in which case no slot was taken.
   */
  async acquire(signal: AbortSignal): Promise<(() => void) | undefined> {
    if (signal.aborted) return undefined;
    if (this.free > 0) {
      this.free -= 1;
      return this.releaser();
    }
    return new Promise((resolve) => {
      const entry = {
        admit: () => {
          signal.removeEventListener('abort', leave);
          resolve(this.releaser());
        },
      };
      const leave = (): void => {
        this.queue.splice(this.queue.indexOf(entry), 1);
        resolve(undefined);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.queue.push(entry);
    });
  }

  private releaser(): () => void {
    let released = false;
    return () => {
      if (released) return;
      released = true;
      const next = this.queue.shift();
      if (next) next.admit();
      else this.free += 1;
    };
  }
}
