import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { withDeadline } from '#kernel';
import type { ReceiverReport, Receivers } from './flood-receivers.js';

const ANSWER_MS = 60_000;

/** Receivers in a process of their own, so that they and whoever measures do not disturb each other. Only when built. */
export class ReceiversProcess implements Receivers {
  private lastId = 0;
  private readonly asked = new Map<number, (answer: unknown) => void>();

  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {
    child.on('message', ({ id, answer }: { id: number; answer: unknown }) => {
      this.asked.get(id)?.(answer);
      this.asked.delete(id);
    });
  }

  static async start(): Promise<ReceiversProcess> {
    const program = fileURLToPath(new URL('./receivers-program.js', import.meta.url));
    const child = fork(program, { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const first = withDeadline(once(child, 'message'), ANSWER_MS, 'starting the receivers');
    const [{ answer: port }] = (await first) as [{ answer: number }];
    return new ReceiversProcess(child, port);
  }

  report(): Promise<ReceiverReport> {
    return this.ask('report');
  }

  takeLatencies(): Promise<number[]> {
    return this.ask('takeLatencies');
  }

  async close(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.disconnect();
    await withDeadline(ended, ANSWER_MS, 'ending the receivers');
  }

  private ask<T>(what: string): Promise<T> {
    this.lastId += 1;
    const id = this.lastId;
    const answered = new Promise<T>((resolve) => {
      this.asked.set(id, resolve as (answer: unknown) => void);
    });
    this.child.send({ id, ask: what });
    return withDeadline(answered, ANSWER_MS, `the receivers' ${what}`);
  }
}
