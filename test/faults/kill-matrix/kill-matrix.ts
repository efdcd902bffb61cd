import { createHash } from 'node:crypto';
import { EVENT_SCENARIOS } from './event-scenarios.js';
import { HOST_SCENARIOS } from './host-scenarios.js';
import { INBOUND_SCENARIOS } from './inbound-scenarios.js';
import type { KillStack } from './kill-stack.js';
import { OUTBOUND_SCENARIOS } from './outbound-scenarios.js';
import { waitFor } from '../../support/wait-for.js';
import { NOTHING, sum, type Round, type RoundContext, type Scenario, type Verdict } from './scenario.js';

export const SCENARIOS: readonly Scenario[] = [
  ...OUTBOUND_SCENARIOS,
  ...EVENT_SCENARIOS,
  ...HOST_SCENARIOS,
  ...INBOUND_SCENARIOS,
];

/** Browsers that may die before the node is started anew: it gives a browser up that dies too often within an hour. */
const ROUNDS_PER_NODE = 4;

export interface ScenarioFigures extends Verdict {
  name: string;
  what: string;
  rounds: number;
  seconds: number;
  /** What went wrong otherwise, by round. */
  failures: string[];
}

/** Runs `rounds` kills at one point, waits until everything is settled, and counts. */
export async function runScenario(
  target: KillStack,
  scenario: Scenario,
  { rounds, seed, onRound }: { rounds: number; seed: number; onRound?: (line: string) => void },
): Promise<ScenarioFigures> {
  const startMs = performance.now();
  const done: { number: number; round: Round }[] = [];
  const failures: string[] = [];
  let total = NOTHING;
  const guard = async (number: number, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      failures.push(`round ${String(number)}: ${error instanceof Error ? error.message : String(error)}`);
      onRound?.(`${scenario.name} ${failures.at(-1) ?? ''}`);
    }
  };
  for (let number = 1; number <= rounds; number += 1) {
    if (number > 1 && number % ROUNDS_PER_NODE === 1) await renewNode(target);
    const failedBefore = failures.length;
    await guard(number, async () => {
      await target.connected();
      done.push({ number, round: await scenario.run(contextOf(target, scenario, number, seed)) });
    });
    if (failures.length > failedBefore) await recover(target);
    onRound?.(`${scenario.name} round ${String(number)}/${String(rounds)}, ${seconds(startMs)} s`);
  }
  for (const { number, round } of done)
    await guard(number, async () => {
      total = sum(total, await round.verify());
    });
  const { name, what } = scenario;
  return { name, what, rounds, ...total, seconds: seconds(startMs), failures };
}

async function renewNode(target: KillStack): Promise<void> {
  await waitFor(async () => !(await isInFirstDoubt(target)), {
    what: 'the first looks for what is not known',
    deadlineMs: 120_000,
    pollMs: 250,
  });
  await target.stack.node.stop();
  await target.stack.node.start();
  await target.connected();
}

/** Something is not known, and its node, which may prove that it never began, has not answered for it yet. */
async function isInFirstDoubt(target: KillStack): Promise<boolean> {
  const rows = await target.query(
    `SELECT FROM messages m JOIN message_attempts a ON a.tenant_id = m.tenant_id AND a.message_id = m.id
       AND a.number = m.attempts
     WHERE m.status = 'unknown' AND a.lookups < 2`,
  );
  return rows.length > 0;
}

/** After a round that broke off anywhere: everything runs, and nothing is set. */
async function recover(target: KillStack): Promise<void> {
  for (const part of ['api', 'node'] as const) {
    await target.disarm(part);
    await target.stack[part].kill();
  }
  target.objectStore.mend();
  await target.stack.simulated.request('DELETE', '/faults');
  if (!(await target.postgres.isRunning())) await target.postgres.startAgain();
  await target.stack.api.start();
  await target.stack.node.start();
  await target.connected();
}

/** What round `number` of a scenario needs; all chance in it is drawn from the seed. */
export function contextOf(target: KillStack, { name }: Scenario, number: number, seed: number): RoundContext {
  const random = seededRandom(`${String(seed)} ${name} ${String(number)}`);
  return {
    target,
    number,
    tag: `${name}-${String(seed)}-${String(number)}-${String(Date.now())}`,
    random,
    pick: (most) => 1 + Math.floor(random() * most),
    seed: 1 + Math.floor(random() * 1_000_000),
  };
}

/** The same numbers for the same text. */
function seededRandom(text: string): () => number {
  let drawn = 0;
  return () => {
    drawn += 1;
    const digest = createHash('sha256')
      .update(`${text} ${String(drawn)}`)
      .digest();
    return digest.readUInt32BE(0) / 2 ** 32;
  };
}

function seconds(startMs: number): number {
  return Math.round((performance.now() - startMs) / 1_000);
}
