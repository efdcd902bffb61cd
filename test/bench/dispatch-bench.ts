import { setTimeout as delay } from 'node:timers/promises';
import { newPhone } from '../support/session-steps.js';
import type { BenchRun } from './bench-run.js';
import { cpuEach, cpuSplit } from './cpu-split.js';
import {
  CHATS,
  LATENCY_MESSAGES,
  MESSAGES_OF_EACH_OF_TEN,
  MESSAGES_OF_ONE,
  PAUSE_MS,
  ROUNDS,
  SERIAL,
  SESSIONS,
  WARM_UP_MESSAGES,
  type Sender,
  type SendOrder,
  type Rate,
  type DispatchResult,
} from './dispatch-plan.js';
import { reportDispatch } from './dispatch-report.js';
import { HandOverWatch, rateOf } from './hand-over-watch.js';
import { startPlainSender } from './plain-sender.js';
import { median } from './statistics.js';
import { startWagateSender } from './wagate-sender.js';

const OVERLAPPING = CHATS;
const DEADLINE_MS = 180_000;
/** After the last hand-over: answers, acknowledgements and their rows. */
const AFTERMATH_MS = 1_000;

/** The rates of one contender. */
class RateMeter {
  constructor(
    private readonly run: BenchRun,
    private readonly name: string,
    private readonly sender: Sender,
    private readonly watch: HandOverWatch,
    private readonly to: string[],
  ) {}

  /** Of messages that come while others are sent. */
  async sending(what: string, sessions: number, count: number, inFlight: number): Promise<Rate> {
    const { sender } = this;
    const order = this.orderOf(what, sessions, count, inFlight);
    return this.measure(order, () => sender.sendMany(order));
  }

  /** Of messages that are all there before the first leaves. */
  async draining(what: string, sessions: number, count: number): Promise<Rate | undefined> {
    const order = this.orderOf(`full-${what}`, sessions, count, SERIAL);
    const letGo = await this.sender.fillQueue?.(order);
    return letGo && this.measure(order, letGo);
  }

  private orderOf(what: string, sessions: number, count: number, inFlight: number): SendOrder {
    return { prefix: `${what}-${String(inFlight)}`, sessions, to: this.to, count, inFlight };
  }

  private async measure({ prefix, sessions, count }: SendOrder, start: () => Promise<void>): Promise<Rate> {
    const messages = sessions * count;
    const before = await cpuSplit(this.sender.pids);
    await start();
    const perSecond = rateOf(await this.watch.all(`${prefix}-`, messages, DEADLINE_MS));
    // What is left to do for them belongs to them.
    await delay(AFTERMATH_MS);
    const cpuMs = cpuEach(before, await cpuSplit(this.sender.pids), messages);
    const each = Object.entries(cpuMs).map(([part, ms]) => `${part} ${ms.toFixed(2)}`);
    this.run.log(`${this.name}, ${prefix}: ${perSecond.toFixed(1)} messages/s, ms each: ${each.join(', ')}`);
    return { perSecond, cpuMs };
  }
}

async function measure(
  run: BenchRun,
  name: string,
  sender: Sender,
  inFlights: number[],
): Promise<DispatchResult> {
  const watch = new HandOverWatch(sender.simulator);
  const to = Array.from({ length: CHATS }, newPhone);
  for (const phone of to) sender.simulator.network.putAccount({ phone, name: `Chat ${phone.slice(-3)}` });
  const meter = new RateMeter(run, name, sender, watch, to);
  await meter.sending('warm-up', SESSIONS, WARM_UP_MESSAGES, OVERLAPPING);
  await sender.warmedUp?.();
  const result: DispatchResult = { fromCallMs: [], fromAcceptMs: [], oneSession: {}, tenSessions: {} };
  for (let n = 0; n < LATENCY_MESSAGES; n += 1) {
    const body = `single-${String(n)}`;
    const { calledAtMs, acceptedAtMs } = await sender.send(to[n % CHATS] ?? '', body);
    const handedAtMs = await watch.of(body);
    result.fromCallMs.push(handedAtMs - calledAtMs);
    result.fromAcceptMs.push(handedAtMs - acceptedAtMs);
    await delay(PAUSE_MS);
  }
  run.log(`${name}: ${median(result.fromAcceptMs).toFixed(1)} ms to the hand-over at the median`);
  return { ...result, ...(await measureRates(meter, inFlights)) };
}

async function measureRates(
  meter: RateMeter,
  inFlights: number[],
): Promise<Pick<DispatchResult, 'oneSession' | 'tenSessions' | 'fullQueue'>> {
  const rounds = new Map<string, Rate[]>();
  const add = (what: string, rate: Rate | undefined) =>
    rate && rounds.set(what, [...(rounds.get(what) ?? []), rate]);
  for (let round = 1; round <= ROUNDS; round += 1) {
    const [one, ten] = [`one-${String(round)}`, `ten-${String(round)}`];
    for (const inFlight of inFlights) {
      add(`one ${String(inFlight)}`, await meter.sending(one, 1, MESSAGES_OF_ONE, inFlight));
      add(`ten ${String(inFlight)}`, await meter.sending(ten, SESSIONS, MESSAGES_OF_EACH_OF_TEN, inFlight));
    }
    add('full one', await meter.draining(one, 1, MESSAGES_OF_ONE));
    add('full ten', await meter.draining(ten, SESSIONS, MESSAGES_OF_EACH_OF_TEN));
  }
  const middle = (what: string) => middleRate(rounds.get(what) ?? []);
  const byFlight = (who: string) =>
    Object.fromEntries(
      inFlights.flatMap((n) => {
        const rate = middle(`${who} ${String(n)}`);
        return rate ? [[n, rate]] : [];
      }),
    );
  const [oneSession, tenSessions] = [middle('full one'), middle('full ten')];
  return {
    oneSession: byFlight('one'),
    tenSessions: byFlight('ten'),
    ...(oneSession && tenSessions ? { fullQueue: { oneSession, tenSessions } } : {}),
  };
}

/** The round of the median rate, with what it cost. */
function middleRate(rates: readonly Rate[]): Rate | undefined {
  return [...rates].sort((a, b) => a.perSecond - b.perSecond)[Math.floor(rates.length / 2)];
}

/** From accept to hand-over, and hand-overs a second, beside the plain library on an equal browser and simulator. */
export async function dispatchBench(run: BenchRun): Promise<void> {
  const plain = await withParts(run, async () =>
    measure(run, 'plain', await startPlainSender(run, SESSIONS), [SERIAL, OVERLAPPING]),
  );
  const ours = await withParts(run, async () =>
    measure(run, 'wagate', await startWagateSender(run, SESSIONS), [SERIAL]),
  );
  reportDispatch(run, plain, ours);
}

/** What `work` starts ends with it, so that two contenders never run at once. */
async function withParts<T>(run: BenchRun, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    await run.close();
  }
}
