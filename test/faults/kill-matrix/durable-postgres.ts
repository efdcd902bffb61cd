import { startPostgres, type RunningPostgres } from '#embedded';
import { waitFor } from '../../support/wait-for.js';
import { familyOf, isThere, signalAll } from './process-family.js';

/** A real Postgres with fsync on, that dies as in a power cut, and comes back on the same port. */
export class DurablePostgres {
  private constructor(
    private readonly dataDir: string,
    private running: RunningPostgres,
  ) {}

  static async start(dataDir: string): Promise<DurablePostgres> {
    return new DurablePostgres(dataDir, await startPostgres({ dataDir, database: 'wagate' }));
  }

  get url(): string {
    return this.running.url;
  }

  get pid(): number {
    return this.running.pid;
  }

  /** SIGKILL to the server and all its backends at once. */
  async kill(): Promise<void> {
    const family = await familyOf(this.running.pid);
    signalAll(family, 'SIGKILL');
    await waitFor(async () => (await Promise.all(family.map(isThere))).every((there) => !there), {
      what: 'Postgres to be gone',
    });
    await this.running.exited;
  }

  /** False after a kill. */
  isRunning(): Promise<boolean> {
    return isThere(this.running.pid);
  }

  async startAgain(): Promise<void> {
    const { port } = this.running;
    this.running = await startPostgres({ dataDir: this.dataDir, database: 'wagate', port });
  }

  remove(): Promise<void> {
    return this.running.stop({ remove: true });
  }
}
