/** One timer, which goes off at the earliest of the moments it was set for. */
export class LaneTimer {
  private timer: NodeJS.Timeout | undefined;
  private atMs = 0;

  constructor(private readonly goesOff: () => void) {}

  get isSet(): boolean {
    return this.timer !== undefined;
  }

  set(waitMs: number): void {
    const atMs = performance.now() + waitMs;
    if (this.timer && this.atMs <= atMs) return;
    this.clear();
    this.atMs = atMs;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.goesOff();
    }, waitMs);
  }

  clear(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
