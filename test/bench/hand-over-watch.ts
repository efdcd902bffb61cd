import type { Simulator } from '../../apps/simulator/src/index.js';
import { waitFor } from '../support/wait-for.js';
import { nowMs } from './statistics.js';

/** Notes when the simulator's network is handed each message by a login, by the message's text. */
export class HandOverWatch {
  readonly atMs = new Map<string, number>();

  constructor({ network }: Simulator) {
    const { messages } = network;
    const add = messages.add.bind(messages);
    // The control API tells hand-overs by the second only, so the moment is taken where the network records it.
    messages.add = (message, via, sha256) => {
      if (via === 'login' && message.body !== undefined) this.atMs.set(message.body, nowMs());
      return add(message, via, sha256);
    };
  }

  /** The moment of one, once it is there. */
  of(body: string, deadlineMs = 60_000): Promise<number> {
    return waitFor(() => this.atMs.get(body), { what: 'a hand-over', deadlineMs, pollMs: 2 });
  }

  /** All moments of texts that begin so, in order, once there are `count`. */
  async all(prefix: string, count: number, deadlineMs: number): Promise<number[]> {
    const found = () => [...this.atMs].filter(([body]) => body.startsWith(prefix)).map(([, at]) => at);
    await waitFor(() => found().length >= count, {
      what: `${String(count)} hand-overs`,
      deadlineMs,
      pollMs: 100,
    });
    return found().sort((a, b) => a - b);
  }
}

/** Messages a second from the first to the last moment. */
export function rateOf(sortedMs: readonly number[]): number {
  const [first = 0] = sortedMs;
  const last = sortedMs.at(-1) ?? 0;
  return ((sortedMs.length - 1) / (last - first)) * 1000;
}
