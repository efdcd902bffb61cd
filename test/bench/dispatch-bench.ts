import { setTimeout as delay } from 'node:timers/promises';
import type { Simulator } from '../../apps/simulator/src/index.js';
import { newPhone } from '../support/session-steps.js';
import type { BenchRun } from './bench-run.js';
import { HandOverWatch, rateOf } from './hand-over-watch.js';
import { startPlainSender } from './plain-sender.js';
import { median, percentile } from './statistics.js';
import { startWagateSender } from './wagate-sender.js';

export const SESSIONS = 10;
const CHATS = 8;
const IN_FLIGHT = 8;
const LATENCY_MESSAGES = 100;
const PAUSE_MS = 150;
const MESSAGES_OF_ONE = 400;
const MESSAGES_OF_EACH_OF_TEN = 60;
const DEADLINE_MS = 180_000;

/** Linked sessions that send, with or without wagate. */
export interface Sender {
  simulator: Simulator;
  /** Sends one message from the first session. Times of `nowMs()`. */
  send(to: string, body: string): Promise<{ calledAtMs: number; acceptedAtMs: number }>;
  /** Each of the first `sessions` sends `count` messages to `to` in turn, bodies `<prefix>-<session>-<n>`. */
  sendMany(order: {
    prefix: string;
    sessions: number;
    to: string[];
    count: number;
    inFlight: number;
  }): Promise<void>;
}

interface Result {
  fromCallMs: number[];
  fromAcceptMs: number[];
  oneSession: number;
  tenSessions: number;
}

async function measure(run: BenchRun, name: string, sender: Sender): Promise<Result> {
  const watch = new HandOverWatch(sender.simulator);
  const to = Array.from({ length: CHATS }, newPhone);
  for (const phone of to) sender.simulator.network.putAccount({ phone, name: `Chat ${phone.slice(-3)}` });
  const rate = async (prefix: string, sessions: number, count: number) => {
    await sender.sendMany({ prefix, sessions, to, count, inFlight: IN_FLIGHT });
    const handed = rateOf(await watch.all(`${prefix}-`, sessions * count, DEADLINE_MS));
    run.log(`${name}, ${prefix}: ${handed.toFixed(1)} messages/s`);
    return handed;
  };
  await rate('warm-up', SESSIONS, CHATS * 2);
  const result: Result = { fromCallMs: [], fromAcceptMs: [], oneSession: 0, tenSessions: 0 };
  for (let n = 0; n < LATENCY_MESSAGES; n += 1) {
    const body = `single-${String(n)}`;
    const { calledAtMs, acceptedAtMs } = await sender.send(to[n % CHATS] ?? '', body);
    const handedAtMs = await watch.of(body);
    result.fromCallMs.push(handedAtMs - calledAtMs);
    result.fromAcceptMs.push(handedAtMs - acceptedAtMs);
    await delay(PAUSE_MS);
  }
  run.log(`${name}: ${median(result.fromAcceptMs).toFixed(1)} ms to the hand-over at the median`);
  result.oneSession = await rate('one', 1, MESSAGES_OF_ONE);
  result.tenSessions = await rate('ten', SESSIONS, MESSAGES_OF_EACH_OF_TEN);
  return result;
}

/** From accept to hand-over, and hand-overs a second, beside the plain library on an equal browser and simulator. */
export async function dispatchBench(run: BenchRun): Promise<void> {
  const plain = await withParts(run, async () =>
    measure(run, 'plain', await startPlainSender(run, SESSIONS)),
  );
  const ours = await withParts(run, async () =>
    measure(run, 'wagate', await startWagateSender(run, SESSIONS)),
  );
  const add = (what: string, unit: string, wagate: number, baseline: number, aim?: string) => {
    run.add({ what, unit, wagate, baseline, ...(aim === undefined ? {} : { aim }) });
  };
  const p95 = (values: number[]) => percentile(values, 0.95);
  add(
    '202 to hand-over, median',
    'ms',
    median(ours.fromAcceptMs),
    median(plain.fromCallMs),
    'baseline + 10 ms',
  );
  add('202 to hand-over, p95', 'ms', p95(ours.fromAcceptMs), p95(plain.fromCallMs));
  add('request to hand-over, median', 'ms', median(ours.fromCallMs), median(plain.fromCallMs));
  add('request to hand-over, p95', 'ms', p95(ours.fromCallMs), p95(plain.fromCallMs));
  add('hand-overs, one session', '/s', ours.oneSession, plain.oneSession, '≥ 95 %');
  add('hand-overs, ten sessions', '/s', ours.tenSessions, plain.tenSessions, '≥ 95 %');
  run.note(
    `Baseline: whatsapp-web.js in one process, same browser and flags, from the call of sendMessage, ` +
      `${String(IN_FLIGHT)} calls in flight for each session. Single messages: ${String(LATENCY_MESSAGES)}, ` +
      `${String(PAUSE_MS)} ms apart. Rates: first to last hand-over of ${String(MESSAGES_OF_ONE)} messages, ` +
      `or of ${String(MESSAGES_OF_EACH_OF_TEN)} for each of ten sessions, to ${String(CHATS)} chats; wagate's include accepting them.`,
  );
}

/** What `work` starts ends with it, so that two contenders never run at once. */
async function withParts<T>(run: BenchRun, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    await run.close();
  }
}
