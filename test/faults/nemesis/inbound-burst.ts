import { setTimeout as delay } from 'node:timers/promises';
import { newPhone } from '../../support/session-steps.js';
import { checkHistory } from '../history/check-history.js';
import type { History } from '../history/history.js';
import type { Violation } from '../history/violation.js';
import { FaultsStack, type FaultsSession } from './faults-stack.js';
import { Nemesis, type NemesisDeed } from './nemesis.js';
import { recordHistory } from './record-history.js';
import { SeededRandom } from './seeded-random.js';
import { waitUntilQuiet } from './wait-until-quiet.js';
import { WorkloadRun } from './workload-run.js';

export interface InboundBurstOptions {
  seed: number;
  messages: number;
  sessions: number;
  /** What happens meanwhile, each once, spread over the burst. */
  deeds: readonly string[];
  /** Every sync is told late: whoever listens from then on has missed what came before. */
  listensLate: boolean;
  programs?: string;
  quietDeadlineMs: number;
  tell: (text: string) => void;
}

export interface InboundBurstResult {
  history: History;
  violations: Violation[];
  deeds: NemesisDeed[];
  /** From the first message to the last row. */
  tookMs: number;
}

const PEOPLE = 8;
const LATE_MS = 2_000;
/** Messages on their way to the simulator at the same time, one per session and person at most. */
const LANES = 4;

/** Many messages come in at once while every part dies; the rows have to be the simulator's list in the end. */
export async function runInboundBurst(options: InboundBurstOptions): Promise<InboundBurstResult> {
  const { sessions, programs } = options;
  const faults = await FaultsStack.start({ sessions, ...(programs === undefined ? {} : { programs }) });
  try {
    return await runOn(faults, options);
  } finally {
    await faults.close();
  }
}

async function runOn(faults: FaultsStack, options: InboundBurstOptions): Promise<InboundBurstResult> {
  const { seed, tell, quietDeadlineMs } = options;
  const random = new SeededRandom(seed);
  const run = new WorkloadRun(faults, random, await makePeople(faults), 0);
  const nemesis = new Nemesis(run, random.fork('nemesis'), tell);
  if (options.listensLate) {
    await faults.stack.simulated.post('/faults', { kind: 'syncLateMs', ms: LATE_MS });
  }
  const startedAtMs = Date.now();
  const burst = new InboundBurst(run, options.messages);
  const load = burst.work();
  // Spread over the burst, so that each finds it in the middle.
  for (const [place, deed] of options.deeds.entries()) {
    const from = Math.floor((options.messages * (place + 0.5)) / options.deeds.length);
    await burst.reached(from);
    await nemesis.strike(deed);
  }
  await load;
  tell(`${String(options.messages)} messages were sent`);
  run.end();
  await waitUntilQuiet(faults, quietDeadlineMs, tell);
  const tookMs = Date.now() - startedAtMs;
  const history = await recordHistory(faults, {
    seed,
    startedAtMs,
    opaque: run.opaque,
    downloadsDamaged: false,
    optOuts: [],
    handOverSlackMs: 0,
  });
  return { history, violations: checkHistory(history), deeds: nemesis.deeds, tookMs };
}

/** Sends a number of messages, each person's to a session one after the other. */
export class InboundBurst {
  private left: number;
  private done = 0;

  constructor(
    private readonly run: WorkloadRun,
    private readonly messages: number,
  ) {
    this.left = messages;
  }

  async work(): Promise<void> {
    const lanes = Array.from({ length: LANES }, (_, lane) => this.lane(lane));
    await Promise.all(lanes);
  }

  async reached(count: number): Promise<void> {
    while (this.done < Math.min(count, this.messages)) await delay(5);
  }

  /** Its people are its own: what one person writes to one session keeps its order. */
  private async lane(lane: number): Promise<void> {
    const { people, faults, random } = this.run;
    const own = people.filter((_, place) => place % LANES === lane);
    const fork = random.fork(`lane ${String(lane)}`);
    while (this.left > 0) {
      this.left -= 1;
      const session: FaultsSession = fork.pick(faults.sessions);
      const body = this.run.newInboundText();
      const { status } = await faults.stack.simulated.post('/messages', {
        from: fork.pick(own),
        to: session.phone,
        type: 'text',
        body,
      });
      if (status !== 201) throw new Error(`the simulator refused a message: ${String(status)}`);
      this.done += 1;
    }
  }
}

async function makePeople({ stack }: FaultsStack): Promise<string[]> {
  const people = Array.from({ length: PEOPLE }, newPhone);
  for (const phone of people)
    await stack.simulated.post('/accounts', { phone, name: `Person ${phone.slice(-2)}` });
  return people;
}
