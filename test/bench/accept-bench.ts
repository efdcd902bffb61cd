import { analyze } from '../support/analyze.js';
import { startBenchStack } from './bench-stack.js';
import type { BenchRun } from './bench-run.js';
import { BenchChild } from './bench-child.js';
import { isPort } from './baselines/messages.js';
import { postFor, type LoadResult, type LoadTarget } from './accept-load.js';
import { QueueingNode } from './queueing-node.js';
import { median } from './statistics.js';
import type { RunningPostgres } from '#embedded';

/** Many and short, so that a slow moment of the machine meets a round of each contender, or decides nothing. */
const ROUNDS = 9;
const SECONDS = 5;
const WARM_UP_SECONDS = 10;
const PATH = '/api/v1/messages';
const TEXT = 'Your order 4711 has left our warehouse and arrives tomorrow between 9 and 12. '.repeat(2);

interface Contender {
  name: string;
  /** Of its database. */
  url: string;
  target: LoadTarget;
  results: LoadResult[];
}

async function bare(run: BenchRun, server: RunningPostgres, roundTrips: '1' | '4'): Promise<Contender> {
  const database = await run.database(server);
  const child = BenchChild.start('baselines/bare-accept', {
    DATABASE_URL: database.url,
    BARE_ROUND_TRIPS: roundTrips,
  });
  run.defer('bare Fastify', () => child.stop());
  const { port } = await child.receive(isPort, 30_000);
  return {
    name: `bare-${roundTrips}`,
    url: database.url,
    target: {
      port,
      path: PATH,
      headers: {},
      body: { session: 'ses_0000000000000000000000', to: '4915112345678', type: 'text', text: TEXT },
      processes: { server: child.pid, postgres: server.pid },
    },
    results: [],
  };
}

async function wagate(run: BenchRun, server: RunningPostgres): Promise<Contender> {
  const database = await run.database(server);
  const stack = await startBenchStack(run, { database, withoutNode: true });
  const node = await QueueingNode.start(stack);
  run.defer('the queueing node', () => node.stop());
  const tenant = await stack.createTenant('Accept');
  const session = await node.linkSession(tenant.client);
  return {
    name: 'wagate',
    url: database.url,
    target: {
      port: Number(new URL(stack.baseUrl).port),
      path: PATH,
      headers: { authorization: `Bearer ${tenant.key}` },
      body: { session, to: '4915112345678', type: 'text', text: TEXT },
      processes: { server: stack.api.pid, postgres: server.pid },
    },
    results: [],
  };
}

const of = (contender: Contender, pick: (result: LoadResult) => number) =>
  median(contender.results.map(pick));

/** Accept rate of `POST /messages` beside a bare Fastify + pg loop, on one Postgres. */
export async function acceptBench(run: BenchRun): Promise<void> {
  const server = await run.postgres();
  const least = await bare(run, server, '1');
  const usual = await bare(run, server, '4');
  const ours = await wagate(run, server);
  const contenders = [least, usual, ours];
  for (const { name, target, url } of contenders) {
    run.log(`warming up ${name}`);
    await postFor(target, WARM_UP_SECONDS);
    await analyze(url);
  }
  // Turn by turn, so that whatever else the machine does meets all of them.
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (const { name, target, results } of contenders) {
      const result = await postFor(target, SECONDS);
      run.log(`round ${String(round)}, ${name}: ${result.perSecond.toFixed(0)}/s`);
      results.push(result);
    }
  }
  report(run, ours, least, usual);
}

function report(run: BenchRun, ours: Contender, least: Contender, usual: Contender): void {
  const compare = (what: string, unit: string, pick: (result: LoadResult) => number) => {
    run.add({ what, unit, wagate: of(ours, pick), baseline: of(least, pick) });
  };
  const rate = (result: LoadResult) => result.perSecond;
  run.add({
    what: 'accepts',
    unit: '/s',
    wagate: of(ours, rate),
    baseline: of(least, rate),
    aim: '≥ 60 %',
  });
  run.add({
    what: 'accepts',
    unit: '/s',
    wagate: of(ours, rate),
    baseline: of(usual, rate),
    aim: '≥ 60 %',
    beside: 'BEGIN, two inserts, COMMIT',
  });
  compare('latency, median', 'ms', (result) => result.p50Ms);
  compare('latency, p99', 'ms', (result) => result.p99Ms);
  compare('CPU of the server per request', 'µs', (result) => result.cpuUs.server ?? 0);
  compare('CPU of Postgres per request', 'µs', (result) => result.cpuUs.postgres ?? 0);
  run.note(
    'Baseline: Fastify + pg, both rows by one statement, no authentication, limits, tenants or queue. 32 connections, ' +
      `median of ${String(ROUNDS)} rounds of ${String(SECONDS)} s in turn, every request with its own Idempotency-Key, ` +
      'fsync and synchronous_commit on. All databases are analyzed once after the warm-up, as autovacuum does in the ' +
      'first minutes. The load (40 µs of CPU a request) shares the cores.',
  );
}
