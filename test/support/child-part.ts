import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { waitFor } from './wait-for.js';

export interface ChildPartOptions {
  /** For messages and the log's name. */
  name: string;
  /** The built program, relative to the checkout. */
  program: string;
  env: Record<string, string>;
  /** Answers 200 when the part is up. */
  healthUrl: string;
  logFile: string;
}

/** One real process of wagate, as production starts it, that a test can stop, kill and start again. */
export class ChildPart {
  private child: ChildProcess | undefined;
  private readonly log: WriteStream;

  constructor(private readonly options: ChildPartOptions) {
    this.log = createWriteStream(options.logFile, { flags: 'a' });
  }

  get pid(): number {
    if (!this.child?.pid) throw new Error(`${this.options.name} is not running`);
    return this.child.pid;
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [this.options.program], {
      env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...this.options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.pipe(this.log, { end: false });
    child.stderr.pipe(this.log, { end: false });
    this.child = child;
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`${this.options.name} ended with ${String(code)}; log: ${this.options.logFile}`);
    });
    ended.catch(() => undefined);
    const healthy = waitFor(() => this.isHealthy(), {
      what: `${this.options.name} to answer (log: ${this.options.logFile})`,
      deadlineMs: 90_000,
    });
    await Promise.race([healthy, ended]);
  }

  private async isHealthy(): Promise<boolean> {
    return (await fetch(this.options.healthUrl, { signal: AbortSignal.timeout(5_000) })).ok;
  }

  /** SIGKILL: no warning, no last words. */
  kill(): Promise<void> {
    return this.end('SIGKILL');
  }

  /** SIGTERM, and SIGKILL when that is not enough. */
  stop(): Promise<void> {
    return this.end('SIGTERM');
  }

  /** Resolves when the process has ended, whoever ended it. */
  async ended(): Promise<void> {
    const child = this.child;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    await once(child, 'exit');
  }

  private async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    const last = setTimeout(() => child.kill('SIGKILL'), 60_000);
    await ended;
    clearTimeout(last);
  }
}
