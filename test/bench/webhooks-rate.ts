import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { urlOfReceiver } from '../support/flood-receivers.js';
import type { ReceiversProcess } from '../support/receivers-process.js';
import { waitFor } from '../support/wait-for.js';
import { BenchChild } from './bench-child.js';
import type { BenchRun } from './bench-run.js';
import { treeCpuSeconds } from './process-tree.js';
import { median, nowMs } from './statistics.js';
import type { LoopWish } from './webhooks-bare-loop.js';
import type { WebhooksTenant } from './webhooks-tenant.js';

const ROUNDS = 3;
const IN_FLIGHT = 8;
const DEADLINE_MS = 300_000;

export interface RateParts {
  tenant: WebhooksTenant;
  receivers: ReceiversProcess;
  pids: { api: number; postgres: number };
}

interface Rate {
  perSecond: number;
  /** Microseconds of a processor for each delivery. */
  cpuUs: Record<string, number>;
}

const isReady = (message: unknown): message is { ready: true } => 'ready' in (message as object);
const isDone = (message: unknown): message is { done: true } => 'done' in (message as object);

/** Deliveries a second to so many webhooks, beside a loop that signs and posts the same bodies and does nothing else. */
export async function measureRates(
  run: BenchRun,
  parts: RateParts,
  webhooks: number,
  events: number,
): Promise<void> {
  const loop = BenchChild.start('webhooks-bare-loop');
  run.defer('the bare loop', () => loop.stop());
  await loop.receive(isReady, DEADLINE_MS);
  const ids = await parts.tenant.makeWebhooks(parts.receivers.port, webhooks);
  const bodies = await bodiesFor(run, parts.tenant, events);
  const urls = ids.map((_, at) => urlOfReceiver(parts.receivers.port, 'healthy', `bare${String(at)}`));
  const ours: Rate[] = [];
  const bare: Rate[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    await parts.tenant.switch(ids, false);
    await parts.tenant.write(events);
    const wagate = await rateOf(parts, webhooks * events, parts.pids, () => parts.tenant.switch(ids, true));
    const wish: LoopWish = { file: bodies, urls, inFlightPerUrl: IN_FLIGHT };
    const alone = await rateOf(parts, webhooks * events, { loop: loop.pid }, async () => {
      loop.send(wish);
      await loop.receive(isDone, DEADLINE_MS);
    });
    run.log(
      `${String(webhooks)} webhooks: ${wagate.perSecond.toFixed(0)}/s, bare ${alone.perSecond.toFixed(0)}/s`,
    );
    // The first round warms up.
    if (round > 0) ours.push(wagate);
    if (round > 0) bare.push(alone);
  }
  await parts.tenant.deleteWebhooks(ids);
  await loop.stop();
  report(run, webhooks === 1 ? 'one webhook' : `${String(webhooks)} webhooks`, ours, bare);
}

/** A file with as many bodies as events, such as webhooks get them. */
async function bodiesFor(run: BenchRun, tenant: WebhooksTenant, events: number): Promise<string> {
  await tenant.write(1);
  const after = (await tenant.lastSeq()) - 1;
  const { body } = await tenant.client.get<{ data: unknown[] }>(`/events?after=${String(after)}`);
  const file = join(await run.folder(), 'bodies');
  await writeFile(file, Array.from({ length: events }, () => JSON.stringify(body.data[0])).join('\n'));
  return file;
}

/** From the start of the work until the receivers have got so many posts more. */
async function rateOf(
  { receivers }: RateParts,
  posts: number,
  pids: Record<string, number>,
  work: () => Promise<void>,
): Promise<Rate> {
  const until = (await receivers.report()).healthyPosts + posts;
  const cpu = async () => Promise.all(Object.values(pids).map(treeCpuSeconds));
  const before = await cpu();
  const startMs = nowMs();
  await work();
  await waitFor(async () => (await receivers.report()).healthyPosts >= until, {
    what: 'the posts',
    deadlineMs: DEADLINE_MS,
    pollMs: 10,
  });
  const seconds = (nowMs() - startMs) / 1_000;
  const after = await cpu();
  const used = Object.keys(pids).map((name, at): [string, number] => [
    name,
    (((after[at] ?? 0) - (before[at] ?? 0)) * 1e6) / posts,
  ]);
  return { perSecond: posts / seconds, cpuUs: Object.fromEntries(used) };
}

function report(run: BenchRun, what: string, ours: Rate[], bare: Rate[]): void {
  const of = (rates: Rate[], pick: (rate: Rate) => number) => median(rates.map(pick));
  const loopUs = of(bare, ({ cpuUs }) => cpuUs['loop'] ?? 0);
  run.add({
    what: `deliveries, ${what}`,
    unit: '/s',
    wagate: of(ours, ({ perSecond }) => perSecond),
    baseline: of(bare, ({ perSecond }) => perSecond),
  });
  run.add({
    what: `CPU of the api per delivery, ${what}`,
    unit: 'µs',
    wagate: of(ours, ({ cpuUs }) => cpuUs['api'] ?? 0),
    baseline: loopUs,
  });
  run.add({
    what: `CPU of Postgres per delivery, ${what}`,
    unit: 'µs',
    wagate: of(ours, ({ cpuUs }) => cpuUs['postgres'] ?? 0),
  });
}
