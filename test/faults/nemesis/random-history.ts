import { setTimeout as delay } from 'node:timers/promises';
import { newPhone } from '../../support/session-steps.js';
import { checkHistory } from '../history/check-history.js';
import type { History } from '../history/history.js';
import type { Violation } from '../history/violation.js';
import { FaultsStack } from './faults-stack.js';
import { InboundLoad } from './inbound-load.js';
import { Nemesis, type NemesisDeed } from './nemesis.js';
import { observe, readEverything } from './observer.js';
import { OutboundLoad } from './outbound-load.js';
import { recordHistory } from './record-history.js';
import { SeededRandom } from './seeded-random.js';
import { waitUntilQuiet } from './wait-until-quiet.js';
import { WorkloadRun } from './workload-run.js';

export interface RandomHistoryOptions {
  seed: number;
  durationMs: number;
  sessions: number;
  /** Longest pause between two actions of one session. */
  paceMs: number;
  /** Shortest and longest pause between two faults. */
  nemesisEveryMs: [number, number];
  /** Faults to choose from; all unless told. */
  deeds?: readonly string[];
  /** After this an unknown fate is final, for messages that nobody acknowledges. */
  unknownFinalSeconds: number;
  programs?: string;
  quietDeadlineMs: number;
  tell: (text: string) => void;
}

export interface RandomHistoryResult {
  history: History;
  violations: Violation[];
  deeds: NemesisDeed[];
  /** From the end of the load until everything had come to rest. */
  quietAfterMs: number;
}

const PERSONAS = ['echo', 'late-reader', 'none', 'echo'];
/** A frozen node, or a page that hangs, hands over what it was given before. */
const HAND_OVER_SLACK_MS = 75_000;

/** Load and faults for a while, from one seed; then everything is mended, comes to rest, and is checked. */
export async function runRandomHistory(options: RandomHistoryOptions): Promise<RandomHistoryResult> {
  const faults = await FaultsStack.start({
    sessions: options.sessions,
    ...(options.programs === undefined ? {} : { programs: options.programs }),
    apiEnv: {
      MESSAGE_ACK_TIMEOUT_SECONDS: '10',
      MESSAGE_UNKNOWN_FINAL_SECONDS: String(options.unknownFinalSeconds),
    },
  });
  try {
    return await runOn(faults, options);
  } finally {
    await faults.close();
  }
}

async function runOn(faults: FaultsStack, options: RandomHistoryOptions): Promise<RandomHistoryResult> {
  const startedAtMs = Date.now();
  const random = new SeededRandom(options.seed);
  const run = new WorkloadRun(faults, random, await makePeople(faults), options.paceMs);
  const nemesis = new Nemesis(run, random.fork('nemesis'), options.tell, options.deeds);
  const work = [
    ...faults.sessions.flatMap((session, number) => [
      new OutboundLoad(run, session, random.fork(`out ${String(number)}`)).work(),
      new InboundLoad(run, session, random.fork(`in ${String(number)}`)).work(),
    ]),
    ...faults.tenants.map((tenant) => observe(run, tenant)),
    nemesis.work(...options.nemesisEveryMs),
  ];
  const timer = delay(options.durationMs).then(() => run.end());
  await Promise.all([...work, timer]);
  options.tell('the load is over');
  const mendedAtMs = Date.now();
  await waitUntilQuiet(faults, options.quietDeadlineMs, options.tell);
  for (const tenant of faults.tenants) await readEverything(tenant);
  const notes = {
    seed: options.seed,
    startedAtMs,
    opaque: run.opaque,
    downloadsDamaged: run.downloadsDamaged,
    optOuts: [],
    handOverSlackMs: HAND_OVER_SLACK_MS,
  };
  const history = await recordHistory(faults, notes);
  const violations = checkHistory(history);
  return { history, violations, deeds: nemesis.deeds, quietAfterMs: Date.now() - mendedAtMs };
}

async function makePeople({ stack }: FaultsStack): Promise<string[]> {
  const people: string[] = [];
  for (const persona of PERSONAS) {
    const phone = newPhone();
    await stack.simulated.post('/accounts', { phone, name: `Person ${persona}`, persona });
    people.push(phone);
  }
  return people;
}
