import { setTimeout as delay } from 'node:timers/promises';
import type { HttpClient } from '../support/http-client.js';
import { linkSession, newPhone, type SessionView } from '../support/session-steps.js';
import type { BenchRun } from './bench-run.js';
import { startBenchStack, type BenchStack } from './bench-stack.js';
import { treeCpuSeconds, treeMemory } from './process-tree.js';
import { nowMs, percentile } from './statistics.js';

const SESSIONS = 50;
/** The api's list shows at most so many at once, and there are no more. */
const LIST_LIMIT = 100;
const PAGE_HEAP_MB = 60;
/** As many phones are held ready to scan at once; more wait for the node's launch gate anyway. */
const LINKS_AT_ONCE = 6;
const SETTLE_SECONDS = 100;
const IDLE_SECONDS = 30;
const BACK_DEADLINE_MS = 10 * 60_000;
const MIB = 1024 * 1024;

interface Linked {
  tookMs: number[];
  failures: string[];
}

async function linkAll(run: BenchRun, stack: BenchStack, client: HttpClient): Promise<Linked> {
  const result: Linked = { tookMs: [], failures: [] };
  let next = 0;
  const lane = async () => {
    while (next < SESSIONS) {
      next += 1;
      const startedAt = nowMs();
      try {
        await linkSession(stack, client, newPhone(), `s${String(next)}`);
        result.tookMs.push(nowMs() - startedAt);
      } catch (error) {
        result.failures.push(String(error));
      }
      if (next % 10 === 0) run.log(`${String(result.tookMs.length)} linked`);
    }
  };
  await Promise.all(Array.from({ length: LINKS_AT_ONCE }, lane));
  return result;
}

interface ListedSession extends SessionView {
  since?: string;
}

async function listSessions(client: HttpClient): Promise<ListedSession[]> {
  const { body } = await client.get<{ data: ListedSession[] }>(`/sessions?limit=${String(LIST_LIMIT)}`);
  return body.data;
}

/** How long after the node's start each session was connected again; those that never were are missing. */
async function watchReturn(client: HttpClient, sinceMs: number, startedAt: Date): Promise<number[]> {
  const back = new Map<string, number>();
  while (nowMs() - sinceMs < BACK_DEADLINE_MS) {
    for (const session of await listSessions(client)) {
      const isNew = session.since !== undefined && new Date(session.since) > startedAt;
      if (session.state === 'connected' && isNew && !back.has(session.id)) {
        back.set(session.id, nowMs() - sinceMs);
      }
    }
    if (back.size === SESSIONS) break;
    await delay(250);
  }
  return [...back.values()];
}

interface Rest {
  connected: number;
  pssBytes: number;
  rootPssBytes: number;
  processes: number;
  cpuPercent: number;
}

async function weigh(run: BenchRun, stack: BenchStack, client: HttpClient): Promise<Rest> {
  await run.settle(SETTLE_SECONDS, 'letting the sessions come to rest');
  const cpuBefore = await treeCpuSeconds(stack.node.pid);
  await delay(IDLE_SECONDS * 1000);
  const cpu = (await treeCpuSeconds(stack.node.pid)) - cpuBefore;
  const memory = await treeMemory(stack.node.pid);
  const connected = (await listSessions(client)).filter(({ state }) => state === 'connected').length;
  return { ...memory, connected, cpuPercent: (cpu / IDLE_SECONDS) * 100 };
}

/** Fifty sessions on one node: how long they take to link, what they weigh, and how they come back. */
export async function fiftyBench(run: BenchRun): Promise<void> {
  const server = await run.postgres();
  const stack = await startBenchStack(run, {
    database: await run.database(server),
    simulator: { qrFirstMs: 600_000, pageHeapMb: PAGE_HEAP_MB },
    nodeEnv: { MAX_SESSIONS: String(SESSIONS) },
  });
  const { client } = await stack.createTenant('Fifty');
  const startedAt = nowMs();
  const linked = await linkAll(run, stack, client);
  const allMs = nowMs() - startedAt;
  const rest = await weigh(run, stack, client);
  const restartedOn = new Date();
  const restartedAt = nowMs();
  await stack.node.kill();
  await stack.node.start();
  const back = await watchReturn(client, restartedAt, restartedOn);
  report(run, linked, allMs, rest, back);
}

function report(run: BenchRun, linked: Linked, allMs: number, rest: Rest, back: number[]): void {
  const seconds = (values: number[], share: number) => percentile(values, share) / 1000;
  const add = (what: string, unit: string, wagate: number, aim?: string) => {
    run.add({ what, unit, wagate, ...(aim === undefined ? {} : { aim }) });
  };
  add('sessions linked', '', linked.tookMs.length, String(SESSIONS));
  add('all linked after', 's', allMs / 1000);
  add('create to connected, median', 's', seconds(linked.tookMs, 0.5));
  add('create to connected, p95', 's', seconds(linked.tookMs, 0.95));
  add('still connected when at rest', '', rest.connected, String(SESSIONS));
  add('memory of node and browsers, PSS', 'MiB', rest.pssBytes / MIB);
  add('memory per session, PSS', 'MiB', (rest.pssBytes - rest.rootPssBytes) / SESSIONS / MIB);
  add('the Node process, PSS', 'MiB', rest.rootPssBytes / MIB);
  add('processes', '', rest.processes);
  add('idle CPU', '% of a core', rest.cpuPercent);
  add('connected again after kill -9 of the node', '', back.length, String(SESSIONS));
  add('until connected again, median', 's', seconds(back, 0.5));
  add('until connected again, p95', 's', seconds(back, 0.95));
  for (const failure of linked.failures) run.note(`Failed: ${failure}`);
  run.note(
    `A page heap of ${String(PAGE_HEAP_MB)} MB; ${String(LINKS_AT_ONCE)} phones scan at once; at rest: ` +
      `${String(SETTLE_SECONDS)} s after the last was connected.`,
  );
}
