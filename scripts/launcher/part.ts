import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { stopProcess, type StopStep } from '#embedded';
import { backoff } from '#kernel';

const HEALTH_POLL_MS = 50;
const HEALTH_TIMEOUT_MS = 2_000;
const START_TIMEOUT_MS = 120_000;
const KEPT_LINES = 15;
/** A part that ran this long had started well; its next restart is quick again. */
const STEADY_MS = 60_000;
const STOP: readonly StopStep[] = [
  { signal: 'SIGTERM', graceMs: 40_000 },
  { signal: 'SIGKILL', graceMs: 5_000, group: true },
];

export interface PartSpec {
  name: string;
  /** Of the built program, below the checkout. */
  program: string;
  /** Of Node itself. */
  nodeFlags?: string[];
  env: Record<string, string>;
  /** Answers 200 when the part can be used. */
  healthUrl: string;
}

export interface PartSurroundings {
  root: string;
  write: (line: string) => void;
  /** Called with each new process. */
  started: (pid: number) => Promise<void>;
}

/** One process of wagate: started, watched, started again when it ends by itself, stopped. */
export class Part {
  private child: ChildProcess | undefined;
  private exited: Promise<void> = Promise.resolve();
  private lastLines: string[] = [];
  private isStopping = false;
  private failures = 0;

  constructor(
    readonly spec: PartSpec,
    private readonly surroundings: PartSurroundings,
  ) {}

  /** Resolves when the part is healthy; from then on it is kept running. @throws Error with its last lines */
  async start(): Promise<void> {
    await this.launch();
    await this.waitUntilHealthy();
    void this.keepRunning();
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    if (this.child?.pid !== undefined) await stopProcess(this.child.pid, STOP);
    await this.exited;
  }

  private async launch(): Promise<void> {
    const { root, started } = this.surroundings;
    this.lastLines = [];
    // A process group of its own: Ctrl-C reaches the launcher alone, which then stops the parts in order.
    const child = spawn(
      process.execPath,
      ['--enable-source-maps', ...(this.spec.nodeFlags ?? []), this.spec.program],
      {
        cwd: root,
        env: { ...process.env, LOG_FORMAT: 'pretty', ...this.spec.env },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      },
    );
    for (const stream of [child.stdout, child.stderr]) this.forward(stream);
    this.child = child;
    this.exited = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', (error) => {
        this.lastLines.push(error.message);
        resolve();
      });
    });
    if (child.pid !== undefined) await started(child.pid);
  }

  private forward(stream: Readable): void {
    createInterface({ input: stream }).on('line', (line) => {
      this.lastLines.push(line);
      if (this.lastLines.length > KEPT_LINES) this.lastLines.shift();
      this.surroundings.write(line);
    });
  }

  private hasEnded(): boolean {
    return (
      !this.child ||
      this.child.exitCode !== null ||
      this.child.signalCode !== null ||
      this.child.pid === undefined
    );
  }

  private async isHealthy(): Promise<boolean> {
    try {
      const answer = await fetch(this.spec.healthUrl, { signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) });
      await answer.body?.cancel();
      return answer.ok;
    } catch {
      return false; // not listening yet
    }
  }

  private async waitUntilHealthy(): Promise<void> {
    const { name } = this.spec;
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (!(await this.isHealthy())) {
      if (this.isStopping) return;
      if (this.hasEnded()) throw new Error(`the ${name} ended while starting:\n${this.lastLines.join('\n')}`);
      if (performance.now() > deadline)
        throw new Error(`the ${name} was not healthy in ${START_TIMEOUT_MS / 1_000} s`);
      await delay(HEALTH_POLL_MS);
    }
  }

  private async keepRunning(): Promise<void> {
    for (;;) {
      const startedAt = performance.now();
      await this.exited;
      if (this.isStopping) return;
      if (performance.now() - startedAt > STEADY_MS) this.failures = 0;
      const waitMs = 500 + backoff(this.failures, { baseMs: 500, maxMs: 30_000 });
      this.failures += 1;
      this.surroundings.write(`ended by itself; starting it again in ${(waitMs / 1_000).toFixed(1)} s`);
      await delay(waitMs);
      if (this.isStopping) return;
      await this.launch();
    }
  }
}
