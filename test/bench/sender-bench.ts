import pg from 'pg';
import { startSimulator } from '../../apps/simulator/src/index.js';
import { linkSession, newPhone } from '../support/session-steps.js';
import { waitFor } from '../support/wait-for.js';
import { reportOf } from './baselines/messages.js';
import { browserPath, NO_SANDBOX, WAGATE_FLAGS } from './bench-browser.js';
import type { BenchRun } from './bench-run.js';
import { startBenchStack } from './bench-stack.js';
import { PlainLibrary } from './plain-library.js';
import { treeCpuSeconds, treeMemory } from './process-tree.js';
import { nowMs } from './statistics.js';

const MESSAGES = 10_000;
const STEPS = 4;
const STEP = MESSAGES / STEPS;
/** The plain library takes a time that grows with the square of the number. */
const PLAIN_MESSAGES = 1_000;
const DEADLINE_MS = 600_000;

interface StepCost {
  seconds: number;
  cpuMsPerMessage: number;
  heldBytes: number;
}

/**
 * 10,000 messages from one sender in one chat, 2,500 at a time: the last ones must cost what the first ones cost. The
 * plain library listens to the chat's unread count and serialises the whole chat each time.
 */
export async function senderBench(run: BenchRun): Promise<void> {
  const step = await startSender(run);
  const costs: StepCost[] = [];
  for (let number = 1; number <= STEPS; number += 1) costs.push(await step(number));
  report(run, costs, await plainSeconds(run));
}

async function startSender(run: BenchRun): Promise<(number: number) => Promise<StepCost>> {
  const server = await run.postgres();
  const database = await run.database(server);
  const stack = await startBenchStack(run, { database, simulator: { qrFirstMs: 240_000 } });
  const { client } = await stack.createTenant('Sender');
  const phone = newPhone();
  const session = await linkSession(stack, client, phone);
  const reader = new pg.Client({ connectionString: database.url });
  await reader.connect();
  run.defer('its reader', () => reader.end());
  const { network } = stack.simulator;
  const sender = network.putAccount({ phone: newPhone(), name: 'Sender' }).phone;
  const count = async (): Promise<number> => {
    const { rows } = await reader.query<{ n: number }>(
      "SELECT count(*)::int AS n FROM messages WHERE session_id = $1 AND direction = 'in'",
      [session.id],
    );
    return rows[0]?.n ?? 0;
  };
  const nodePid = stack.node.pid;
  return async (number) => {
    const cpuBefore = await treeCpuSeconds(nodePid);
    const startedAt = nowMs();
    for (let n = 0; n < STEP; n += 1) {
      network.conversation.sendFromPhone({
        from: sender,
        to: phone,
        type: 'text',
        body: `${String(number)}-${String(n)}`,
      });
    }
    await waitFor(async () => (await count()) >= number * STEP, {
      what: `${String(number * STEP)} stored messages`,
      deadlineMs: DEADLINE_MS,
      pollMs: 50,
    });
    const seconds = (nowMs() - startedAt) / 1000;
    const cpuMsPerMessage = (((await treeCpuSeconds(nodePid)) - cpuBefore) * 1000) / STEP;
    run.log(`${String(number * STEP)} stored, the last ${String(STEP)} in ${seconds.toFixed(1)} s`);
    return { seconds, cpuMsPerMessage, heldBytes: (await treeMemory(nodePid)).rootPssBytes };
  };
}

function report(run: BenchRun, costs: readonly StepCost[], plain: number): void {
  const total = costs.reduce((sum, { seconds }) => sum + seconds, 0);
  for (const [index, { seconds, cpuMsPerMessage }] of costs.entries()) {
    const which = `messages ${String(index * STEP + 1)} to ${String((index + 1) * STEP)}`;
    run.add({ what: `${which}, time`, unit: 's', wagate: seconds });
    run.add({ what: `${which}, CPU of node and browser`, unit: 'ms each', wagate: cpuMsPerMessage });
  }
  run.add({ what: 'all of them, stored', unit: '/s', wagate: MESSAGES / total });
  run.add({ what: 'memory of the node alone', unit: 'MB', wagate: (costs.at(-1)?.heldBytes ?? 0) / 1e6 });
  run.add({
    what: `the first ${String(PLAIN_MESSAGES)}, beside the plain library's events`,
    unit: 's',
    wagate: ((costs[0]?.seconds ?? 0) * PLAIN_MESSAGES) / STEP,
    baseline: plain,
  });
}

/** Seconds until the plain library has told of as many messages from one sender. */
async function plainSeconds(run: BenchRun): Promise<number> {
  const simulator = await startSimulator({ profile: 'classic', qrFirstMs: 240_000 });
  run.defer("the plain library's simulator", () => simulator.close());
  const plain = await PlainLibrary.start(run, {
    simulator,
    chromePath: browserPath,
    args: [...NO_SANDBOX, ...WAGATE_FLAGS],
    sessions: 1,
  });
  const { network } = simulator;
  const sender = network.putAccount({ phone: newPhone(), name: 'Sender' }).phone;
  const to = plain.phones[0] ?? '';
  const last = `plain-${String(PLAIN_MESSAGES - 1)}`;
  const isReceived = reportOf('received');
  const received = plain.child.receive(
    (message): message is { atMs: number } => isReceived(message) && message.body === last,
    DEADLINE_MS,
  );
  const startedAt = nowMs();
  for (let n = 0; n < PLAIN_MESSAGES; n += 1) {
    network.conversation.sendFromPhone({ from: sender, to, type: 'text', body: `plain-${String(n)}` });
  }
  return ((await received).atMs - startedAt) / 1000;
}
