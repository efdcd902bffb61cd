import { setTimeout as delay } from 'node:timers/promises';
import type { Simulator } from '../../apps/simulator/src/index.js';
import { newPhone } from '../support/session-steps.js';
import { CONNECTIONS } from './accept-load.js';
import type { BenchRun } from './bench-run.js';
import { HandOverWatch, rateOf } from './hand-over-watch.js';
import { startPlainSender } from './plain-sender.js';
import { median, percentile } from './statistics.js';
import { startWagateSender } from './wagate-sender.js';

export const SESSIONS = 10;
const CHATS = 8;
/** Calls of the plain library at a time: one after the other, and as many as there are chats. */
const SERIAL = 1;
const OVERLAPPING = CHATS;
const LATENCY_MESSAGES = 100;
const PAUSE_MS = 150;
const WARM_UP_MESSAGES = 40;
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
  /** Hand-overs a second, by the calls in flight for each session. */
  oneSession: Record<number, number>;
  tenSessions: Record<number, number>;
}

async function measure(run: BenchRun, name: string, sender: Sender, inFlights: number[]): Promise<Result> {
  const watch = new HandOverWatch(sender.simulator);
  const to = Array.from({ length: CHATS }, newPhone);
  for (const phone of to) sender.simulator.network.putAccount({ phone, name: `Chat ${phone.slice(-3)}` });
  const rate = async (what: string, sessions: number, count: number, inFlight: number) => {
    const prefix = `${what}-${String(inFlight)}`;
    await sender.sendMany({ prefix, sessions, to, count, inFlight });
    const handed = rateOf(await watch.all(`${prefix}-`, sessions * count, DEADLINE_MS));
    run.log(`${name}, ${prefix}: ${handed.toFixed(1)} messages/s`);
    return handed;
  };
  await rate('warm-up', SESSIONS, WARM_UP_MESSAGES, OVERLAPPING);
  const result: Result = { fromCallMs: [], fromAcceptMs: [], oneSession: {}, tenSessions: {} };
  for (let n = 0; n < LATENCY_MESSAGES; n += 1) {
    const body = `single-${String(n)}`;
    const { calledAtMs, acceptedAtMs } = await sender.send(to[n % CHATS] ?? '', body);
    const handedAtMs = await watch.of(body);
    result.fromCallMs.push(handedAtMs - calledAtMs);
    result.fromAcceptMs.push(handedAtMs - acceptedAtMs);
    await delay(PAUSE_MS);
  }
  run.log(`${name}: ${median(result.fromAcceptMs).toFixed(1)} ms to the hand-over at the median`);
  for (const inFlight of inFlights) {
    result.oneSession[inFlight] = await rate('one', 1, MESSAGES_OF_ONE, inFlight);
    result.tenSessions[inFlight] = await rate('ten', SESSIONS, MESSAGES_OF_EACH_OF_TEN, inFlight);
  }
  return result;
}

/** From accept to hand-over, and hand-overs a second, beside the plain library on an equal browser and simulator. */
export async function dispatchBench(run: BenchRun): Promise<void> {
  const plain = await withParts(run, async () =>
    measure(run, 'plain', await startPlainSender(run, SESSIONS), [SERIAL, OVERLAPPING]),
  );
  const ours = await withParts(run, async () =>
    measure(run, 'wagate', await startWagateSender(run, SESSIONS), [SERIAL]),
  );
  report(run, plain, ours);
}

function report(run: BenchRun, plain: Result, ours: Result): void {
  const p95 = (values: number[]) => percentile(values, 0.95);
  const compare = (what: string, wagate: number, baseline: number, aim?: string) => {
    run.add({ what, unit: 'ms', wagate, baseline, ...(aim === undefined ? {} : { aim }) });
  };
  const { fromAcceptMs, fromCallMs } = ours;
  compare('202 to hand-over, median', median(fromAcceptMs), median(plain.fromCallMs), 'baseline + 10 ms');
  compare('202 to hand-over, p95', p95(fromAcceptMs), p95(plain.fromCallMs));
  compare('request to hand-over, median', median(fromCallMs), median(plain.fromCallMs));
  compare('request to hand-over, p95', p95(fromCallMs), p95(plain.fromCallMs));
  for (const [what, pick] of [
    ['one session', (result: Result) => result.oneSession],
    ['ten sessions', (result: Result) => result.tenSessions],
  ] as const) {
    const wagate = pick(ours)[SERIAL] ?? Number.NaN;
    for (const [inFlight, baseline] of Object.entries(pick(plain))) {
      const isSerial = Number(inFlight) === SERIAL;
      const beside = isSerial ? 'awaiting each send' : `${inFlight} calls in flight`;
      run.add({
        what: `hand-overs, ${what}`,
        unit: '/s',
        wagate,
        baseline,
        beside,
        ...(isSerial ? { aim: '≥ 95 %' } : {}),
      });
    }
  }
  run.note(
    `Baseline: whatsapp-web.js in one process, same browser and flags, from the call of sendMessage. Single messages: ` +
      `${String(LATENCY_MESSAGES)}, ${String(PAUSE_MS)} ms apart. Rates: first to last hand-over of ${String(MESSAGES_OF_ONE)} messages, ` +
      `or of ${String(MESSAGES_OF_EACH_OF_TEN)} for each of ten sessions, to ${String(CHATS)} chats, after ${String(WARM_UP_MESSAGES)} ` +
      `to warm up; wagate's include accepting them over ${String(CONNECTIONS)} connections.`,
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
