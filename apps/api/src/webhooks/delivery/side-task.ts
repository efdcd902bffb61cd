/** One piece of work at a time beside a loop, which is told when it ends and hears of its failure later. */
export class SideTask {
  private running: Promise<void> | undefined;
  private failure: { error: unknown } | undefined;

  constructor(private readonly ended: () => void) {}

  get isRunning(): boolean {
    return this.running !== undefined;
  }

  /** Does nothing while it works already. */
  start(work: () => Promise<void>): void {
    this.running ??= work()
      .catch((error: unknown) => {
        this.failure = { error };
      })
      .finally(() => {
        this.running = undefined;
        this.ended();
      });
  }

  /** Resolves when nothing is under way; its failure is thrown by `throwFailure`. */
  async settled(): Promise<void> {
    await this.running;
  }

  /** Throws what the last work failed with, once. */
  throwFailure(): void {
    const { failure } = this;
    this.failure = undefined;
    if (failure) throw failure.error;
  }
}
