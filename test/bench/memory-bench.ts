import { access } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { startSimulator } from '../../apps/simulator/src/index.js';
import { linkSession, newPhone } from '../support/session-steps.js';
import { browserPath, NO_SANDBOX } from './bench-browser.js';
import type { BenchRun } from './bench-run.js';
import { startBenchStack } from './bench-stack.js';
import { PlainLibrary } from './plain-library.js';
import { treeCpuSeconds, treeMemory } from './process-tree.js';

const SESSIONS = 4;
const PAGE_HEAP_MB = 60;
const SETTLE_SECONDS = 100;
const IDLE_SECONDS = 30;
const MIB = 1024 * 1024;
/** Debian's full browser, what `puppeteer` users have in one form or another. */
const FULL_CHROMIUM = '/usr/lib/chromium/chromium';

interface Weight {
  /** The browsers' processes of one session, MiB of PSS. */
  browserMib: number;
  /** The whole tree with the Node process, divided by the sessions. */
  wholeMib: number;
  processes: number;
  /** Percent of one core for each session, the Node process included. */
  idleCpuPercent: number;
}

async function weigh(run: BenchRun, name: string, pid: number): Promise<Weight> {
  await run.settle(SETTLE_SECONDS, `${name}: letting the sessions come to rest`);
  const cpuBefore = await treeCpuSeconds(pid);
  await delay(IDLE_SECONDS * 1000);
  const cpu = (await treeCpuSeconds(pid)) - cpuBefore;
  const memory = await treeMemory(pid);
  const weight = {
    browserMib: (memory.pssBytes - memory.rootPssBytes) / SESSIONS / MIB,
    wholeMib: memory.pssBytes / SESSIONS / MIB,
    processes: (memory.processes - 1) / SESSIONS,
    idleCpuPercent: (cpu / IDLE_SECONDS / SESSIONS) * 100,
  };
  run.log(`${name}: ${weight.browserMib.toFixed(0)} MiB of browser a session`);
  return weight;
}

async function weighPlain(run: BenchRun, name: string, chromePath: string): Promise<Weight> {
  const simulator = await startSimulator({
    profile: 'classic',
    qrFirstMs: 240_000,
    pageHeapMb: PAGE_HEAP_MB,
  });
  run.defer('the simulator', () => simulator.close());
  const plain = await PlainLibrary.start(run, {
    simulator,
    chromePath,
    args: NO_SANDBOX,
    sessions: SESSIONS,
  });
  try {
    return await weigh(run, name, plain.child.pid);
  } finally {
    await run.close();
  }
}

async function weighWagate(run: BenchRun): Promise<Weight> {
  const server = await run.postgres();
  const stack = await startBenchStack(run, {
    database: await run.database(server),
    simulator: { qrFirstMs: 240_000, pageHeapMb: PAGE_HEAP_MB },
  });
  const { client } = await stack.createTenant('Memory');
  await Promise.all(Array.from({ length: SESSIONS }, () => linkSession(stack, client, newPhone())));
  try {
    return await weigh(run, 'wagate', stack.node.pid);
  } finally {
    await run.close();
  }
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

/** Memory, processes and idle CPU of a session beside the plain library's, on a page as heavy as WhatsApp's. */
export async function memoryBench(run: BenchRun): Promise<void> {
  const baselines: [name: string, weight: Weight][] = [];
  const ours = await weighWagate(run);
  baselines.push(['same browser', await weighPlain(run, 'plain, same browser', browserPath)]);
  if (FULL_CHROMIUM !== browserPath && (await exists(FULL_CHROMIUM))) {
    baselines.push(['full Chromium', await weighPlain(run, 'plain, full Chromium', FULL_CHROMIUM)]);
  }
  for (const [beside, plain] of baselines) {
    const add = (what: string, unit: string, pick: (weight: Weight) => number, aim?: string) => {
      run.add({
        what,
        unit,
        wagate: pick(ours),
        baseline: pick(plain),
        beside,
        ...(aim === undefined ? {} : { aim }),
      });
    };
    add('browser, PSS per session', 'MiB', (weight) => weight.browserMib, '≤ 45 %');
    add('browser and Node, PSS per session', 'MiB', (weight) => weight.wholeMib);
    add('browser processes per session', '', (weight) => weight.processes);
    add('idle CPU per session', '% of a core', (weight) => weight.idleCpuPercent);
  }
  run.note(
    `${String(SESSIONS)} sessions each, a page heap of ${String(PAGE_HEAP_MB)} MB, ${String(SETTLE_SECONDS)} s after they were ready; ` +
      `CPU over ${String(IDLE_SECONDS)} s. Baseline: whatsapp-web.js with puppeteer's own flags and ${NO_SANDBOX.join(' ') || 'nothing else'}.`,
  );
}
