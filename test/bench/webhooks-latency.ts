import { setTimeout as delay } from 'node:timers/promises';
import { EventStreamClient } from '../support/event-stream-client.js';
import { waitFor } from '../support/wait-for.js';
import type { BenchRun } from './bench-run.js';
import { median, percentile } from './statistics.js';
import type { RateParts } from './webhooks-rate.js';
import type { WebhooksTenant } from './webhooks-tenant.js';

const EVERY_MS = 50;
const RELAYED = 300;
const HEALTHY = 40;
const BAD = 10;
const ROUNDS = 3;
const EVENTS_PER_ROUND = 150;
const SETTLE_SECONDS = 3;
const DEADLINE_MS = 120_000;

/** Milliseconds since the epoch, with their fractions. */
const wallMs = () => performance.timeOrigin + performance.now();

/** From the writing of a fact until it has its number, and until others can see it. */
export async function measureRelay(run: BenchRun, baseUrl: string, tenant: WebhooksTenant): Promise<void> {
  const { client, key, owner } = tenant;
  const from = await tenant.lastSeq();
  const numbered: number[] = [];
  const streamed = new Map<number, number>();
  const listed = new Map<number, number>();
  const hear = () => numbered.push(wallMs());
  owner.on('notification', hear);
  await owner.query('LISTEN wagate_events');
  const stream = await EventStreamClient.open(baseUrl, key, { query: `?after=${String(from)}` });
  stream.response.on('data', () => {
    for (const { seq } of stream.events.splice(0)) streamed.set(seq, wallMs());
  });
  const asking = ask(client, from, from + RELAYED, listed);
  for (let i = 0; i < RELAYED; i += 1) {
    await tenant.happen();
    await delay(EVERY_MS);
  }
  await asking;
  await waitFor(() => streamed.size >= RELAYED && numbered.length >= RELAYED, {
    what: 'the stream and the numbers',
    deadlineMs: DEADLINE_MS,
  });
  stream.close();
  await owner.query('UNLISTEN wagate_events');
  owner.off('notification', hear);
  const written = await tenant.writtenAt(from);
  const since = (at: Map<number, number>) =>
    [...written].map(([seq, ms]) => (at.get(seq) ?? Number.NaN) - ms);
  const places = new Map(numbered.map((ms, at): [number, number] => [from + 1 + at, ms]));
  addLatencies(run, 'written to numbered', since(places));
  addLatencies(run, 'written to the stream (SSE)', since(streamed));
  addLatencies(run, 'written to GET /events?wait', since(listed));
}

async function ask(
  client: WebhooksTenant['client'],
  from: number,
  until: number,
  listed: Map<number, number>,
): Promise<void> {
  for (let after = from; after < until;) {
    const path = `/events?after=${String(after)}&wait=20`;
    const { body } = await client.get<{ data: { seq: number }[]; lastSeq: number }>(path);
    for (const { seq } of body.data) listed.set(seq, wallMs());
    after = body.lastSeq;
  }
}

/** From an event to its delivery to healthy receivers, with and without bad ones beside them, in turn. */
export async function measureDeliveryLatency(run: BenchRun, { tenant, receivers }: RateParts): Promise<void> {
  const healthy = await tenant.makeWebhooks(receivers.port, HEALTHY);
  const bad = await tenant.makeWebhooks(receivers.port, BAD, false);
  const without: number[][] = [];
  const withBad: number[][] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [areBadOn, rounds] of [
      [false, without],
      [true, withBad],
    ] as const) {
      await tenant.switch(bad, areBadOn);
      await run.settle(SETTLE_SECONDS, areBadOn ? 'with bad receivers' : 'healthy receivers alone');
      await receivers.takeLatencies();
      const latencies: number[] = [];
      for (let i = 0; i < EVENTS_PER_ROUND; i += 1) {
        await tenant.happen();
        await delay(EVERY_MS);
      }
      const wanted = EVENTS_PER_ROUND * HEALTHY;
      await waitFor(async () => latencies.push(...(await receivers.takeLatencies())) >= wanted, {
        what: 'the deliveries',
        deadlineMs: DEADLINE_MS,
      });
      rounds.push(latencies);
    }
  }
  await tenant.deleteWebhooks([...healthy, ...bad]);
  for (const [name, share] of Object.entries({ median: 0.5, p95: 0.95, p99: 0.99 })) {
    const of = (rounds: number[][]) => median(rounds.map((values) => percentile(values, share)));
    run.add({
      what: `event to delivery with bad receivers, ${name}`,
      unit: 'ms',
      wagate: of(withBad),
      baseline: of(without),
      beside: 'without them',
      ...(name === 'p99' ? { aim: '≤ 1,000 ms, ≤ 110 %' } : {}),
    });
  }
}

function addLatencies(run: BenchRun, what: string, values: number[]): void {
  for (const [name, share] of Object.entries({ median: 0.5, p95: 0.95, p99: 0.99 }))
    run.add({ what: `${what}, ${name}`, unit: 'ms', wagate: percentile(values, share) });
}
