import { readdir, readFile } from 'node:fs/promises';
import { startPostgres, type RunningPostgres } from '#embedded';
import { waitFor } from '../../support/wait-for.js';

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

  /** SIGKILL to the server and all its backends at once. */
  async kill(): Promise<void> {
    const { pid, exited } = this.running;
    const backends = await childrenOf(pid);
    for (const one of [pid, ...backends]) killIfThere(one);
    await exited;
    // One that was born in between ends when it finds its parent gone.
    await waitFor(async () => (await Promise.all(backends.map(isThere))).every((there) => !there), {
      what: 'the backends to be gone',
    });
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

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** A zombie is gone: it holds nothing any more. */
async function isThere(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => undefined);
  return stat !== undefined && !/\) Z /.test(stat);
}

async function childrenOf(parent: number): Promise<number[]> {
  const children: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '');
    const ppid = /\) \S (\d+) /.exec(stat)?.[1];
    if (ppid === String(parent)) children.push(Number(entry));
  }
  return children;
}
