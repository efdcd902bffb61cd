import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const STOP_TIMEOUT_MS = 20_000;

/** A program of this folder in a process of its own, which it talks to by messages. */
export class BenchChild {
  private constructor(private readonly child: ChildProcess) {
    // Each wait listens for the message it wants; there are many at once.
    child.setMaxListeners(0);
  }

  /** @param program relative to this folder, without its ending: `baselines/bare-accept` */
  static start(program: string, env: Record<string, string> = {}): BenchChild {
    const path = fileURLToPath(new URL(`./${program}.js`, import.meta.url));
    const child = fork(path, {
      env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...env },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    return new BenchChild(child);
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('the process did not start');
    return this.child.pid;
  }

  /** The next message that satisfies `test`. Rejects when the process ends first or nothing comes in time. */
  async receive<T>(test: (message: unknown) => message is T, deadlineMs: number): Promise<T> {
    const until = new AbortController();
    const ended = once(this.child, 'exit', { signal: until.signal }).then(([code, signal]) => {
      throw new Error(`a process of the bench ended with ${String(code ?? signal)}`);
    });
    const received = new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`no answer within ${String(deadlineMs)} ms`));
      }, deadlineMs);
      const look = (message: unknown) => {
        if (test(message)) resolve(message);
      };
      this.child.on('message', look);
      until.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        this.child.off('message', look);
      });
    });
    try {
      return await Promise.race([received, ended]);
    } finally {
      until.abort();
      ended.catch(() => undefined);
    }
  }

  send(message: object): void {
    // A channel that closed meanwhile is told by the wait for the answer.
    this.child.send(message, () => undefined);
  }

  /** Lets it end by itself (it sees its channel close), and kills it when it does not. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    if (this.child.connected) this.child.disconnect();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  }
}
