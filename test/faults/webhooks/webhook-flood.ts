import pg from 'pg';
import { newId } from '../../../libs/kernel/src/index.js';
import type { HttpClient } from '../../support/http-client.js';
import type { Stack } from '../../support/stack.js';
import { waitFor } from '../../support/wait-for.js';
import { BAD_KINDS, FloodReceivers } from './flood-receivers.js';

export interface FloodWish {
  events: number;
  webhooks: number;
  /** Every so-manyth webhook's receiver is bad, of another kind each time. */
  everyBad: number;
  /** How often the api is killed while events are on their way. */
  kills: number;
  deadlineMs: number;
  tell: (line: string) => void;
}

export interface FloodResult {
  /** What is missing, by receiver; empty: every healthy and every flapping one has every event. */
  missing: Record<string, number>;
  /** Events that a healthy receiver got more than once. */
  repeated: number;
  posts: number;
  tookMs: number;
  /** Holes in `seq`. */
  holes: number;
}

const BATCH = 500;

/** Writes events while the api is killed, and waits until every receiver that can has all of them. */
export async function floodWebhooks(
  stack: Stack,
  client: HttpClient,
  tenantId: string,
  wish: FloodWish,
): Promise<FloodResult> {
  const receivers = await FloodReceivers.start();
  const owner = new pg.Client(stack.databaseUrl);
  await owner.connect();
  try {
    const expected = await makeWebhooks(client, receivers, wish);
    const startMs = performance.now();
    let written = 0;
    for (let kill = 0; kill <= wish.kills; kill += 1) {
      const until = Math.round((wish.events * (kill + 1)) / (wish.kills + 1));
      while (written < until) written += await write(owner, tenantId, Math.min(BATCH, until - written));
      if (kill === wish.kills) break;
      const before = receivers.posts;
      await waitFor(() => receivers.posts > before, {
        what: 'posts before the kill',
        deadlineMs: wish.deadlineMs,
      });
      await stack.api.kill();
      await stack.api.start();
      wish.tell(`killed the api, ${String(receivers.posts)} posts so far`);
    }
    const missing = () => missingOf(receivers, expected, wish.events);
    await waitFor(() => Object.keys(missing()).length === 0, {
      what: 'every receiver to have everything',
      deadlineMs: wish.deadlineMs,
      pollMs: 250,
    }).catch(() => undefined);
    return {
      missing: missing(),
      repeated: repeatedOf(receivers),
      posts: receivers.posts,
      tookMs: performance.now() - startMs,
      holes: await holesOf(owner, tenantId, wish.events),
    };
  } finally {
    await owner.end();
    await receivers.close();
  }
}

/** Gives the names of those that must get everything. */
async function makeWebhooks(
  client: HttpClient,
  receivers: FloodReceivers,
  { webhooks, everyBad }: FloodWish,
): Promise<string[]> {
  const expected: string[] = [];
  for (let i = 0; i < webhooks; i += 1) {
    const isBad = i % everyBad === everyBad - 1;
    const kind = isBad ? BAD_KINDS[Math.floor(i / everyBad) % BAD_KINDS.length]! : 'healthy';
    const name = `w${String(i)}`;
    const { status } = await client.post('/webhooks', {
      url: receivers.urlOf(kind, name),
      events: ['limit.reached'],
    });
    if (status !== 201) throw new Error(`a webhook was answered ${String(status)}`);
    if (kind === 'healthy') expected.push(name);
  }
  return expected;
}

async function write(owner: pg.Client, tenantId: string, count: number): Promise<number> {
  const ids = Array.from({ length: count }, () => newId('evt'));
  await owner.query('BEGIN; SET LOCAL ROLE wagate_worker');
  await owner.query(
    `INSERT INTO events (tenant_id, id, type, data) SELECT $1, id, 'limit.reached', '{}' FROM unnest($2::text[]) AS id`,
    [tenantId, ids],
  );
  await owner.query('COMMIT');
  return count;
}

function missingOf({ taken }: FloodReceivers, expected: string[], events: number): Record<string, number> {
  const counts = expected.map((name): [string, number] => [name, events - (taken.get(name)?.size ?? 0)]);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

function repeatedOf({ taken }: FloodReceivers): number {
  let repeated = 0;
  for (const seqs of taken.values()) for (const times of seqs.values()) repeated += times - 1;
  return repeated;
}

async function holesOf(owner: pg.Client, tenantId: string, events: number): Promise<number> {
  await owner.query('BEGIN; SET LOCAL ROLE wagate_worker');
  const { rows } = await owner.query<{ holes: number }>(
    `SELECT (max(seq) - min(seq) + 1 - count(*))::int AS holes FROM events WHERE tenant_id = $1 AND type = 'limit.reached'`,
    [tenantId],
  );
  await owner.query('COMMIT');
  return (rows[0]?.holes ?? events) | 0;
}
