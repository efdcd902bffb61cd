import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '#kernel';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import {
  idsOf,
  indexAll,
  storeMessages,
  storeSessions,
  type StoredMessage,
} from './stored-messages-steps.js';

interface Row extends StoredMessage {
  sessionName: string;
  createdAt: Date;
}

interface Range {
  from?: Date;
  to?: Date;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const BLOCKS = 24;
/** In each: so few that the index of words is the shorter way. */
const PER_BLOCK = 45;
/** The blocks are a day each. */
const START = Date.now() - (BLOCKS + 10) * DAY;
const HISTORY_BLOCK = 12;

let api: TestApi;
let tenant: TestTenant;
let rows: Row[];
const sessions = [newId('ses'), newId('ses')];

/** The same in every run (Mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
const random = randomOf(20_261);

function rowOf(n: number): Row {
  const block = Math.floor(n / PER_BLOCK);
  const createdMs = START + Math.floor((n / PER_BLOCK) * DAY);
  const isHistory = block === HISTORY_BLOCK && n % 3 > 0;
  return {
    id: newId('msg', createdMs),
    session: sessions[n % 2] ?? '',
    sessionName: `session-${String(n % 2)}`,
    chat: '4915110000001@c.us',
    direction: isHistory || n % 2 ? 'in' : 'out',
    text: ['often', n % 7 === 0 ? 'seldom' : '', n % 97 === 0 ? 'rarely' : ''].join(' '),
    createdAt: new Date(createdMs),
    occurredAt: new Date(createdMs - (isHistory ? Math.floor(random() * 400) * DAY : 60_000)),
  };
}

/** Nothing is indexed while the work is at it: as if another process had begun to, and took its time. */
async function whileNotIndexing(work: () => Promise<void>): Promise<void> {
  await api.database.worker(async (tx) => {
    await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('search of ' || $1, 0))`, [
      tenant.tenantId,
    ]);
    await work();
  });
}

/** As when it is handed over, or was said, at another time than was thought. */
async function move(row: Row, toMs: number): Promise<void> {
  row.occurredAt = new Date(toMs);
  await api.database.worker((tx) =>
    tx.query('UPDATE messages SET occurred_at = $3 WHERE tenant_id = $1 AND id = $2', [
      tenant.tenantId,
      row.id,
      row.occurredAt,
    ]),
  );
}

/** Ids over all pages. */
function find(search: string, { from, to }: Range, session?: string): Promise<string[]> {
  return idsOf(tenant, {
    search,
    limit: '50',
    ...(from ? { from: from.toISOString() } : {}),
    ...(to ? { to: to.toISOString() } : {}),
    ...(session === undefined ? {} : { session }),
  });
}

function wantedOf(search: string, { from, to }: Range, session?: string): string[] {
  return rows
    .filter((row) => row.text.includes(search) && (session === undefined || row.sessionName === session))
    .filter(({ occurredAt }) => (!from || occurredAt >= from) && (!to || occurredAt < to))
    .toSorted((a, b) => b.occurredAt.getTime() - a.occurredAt.getTime() || (a.id < b.id ? 1 : -1))
    .map(({ id }) => id);
}

async function expectRightAnswers(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const search = ['often', 'seldom', 'rarely', 'seldom often'][n % 4] ?? '';
    const session = n % 3 === 0 ? `session-${String(Math.floor(random() * 2))}` : undefined;
    const from = new Date(START + Math.floor((random() * 1.2 - 0.15) * BLOCKS * DAY));
    const to = new Date(from.getTime() + Math.floor(random() ** 4 * BLOCKS * DAY) + HOUR);
    const range = [{ from, to }, { from, to }, { from, to }, { from }, { to }][n % 5] ?? {};
    const found = await find(search, range, session);
    expect(found, JSON.stringify({ search, range, session })).toEqual(
      wantedOf(search.replace('seldom often', 'seldom'), range, session),
    );
  }
}

beforeAll(async () => {
  api = await startApi();
  tenant = await api.createTenant();
  await storeSessions(api, tenant.tenantId, sessions);
  rows = Array.from({ length: BLOCKS * PER_BLOCK }, (_, n) => rowOf(n));
  for (let block = 0; block < BLOCKS; block += 1) {
    const ofBlock = rows.slice(block * PER_BLOCK, (block + 1) * PER_BLOCK);
    await storeMessages(api, tenant.tenantId, ofBlock, { number: block, fromMs: START + block * DAY });
    await indexAll(api);
  }
});
afterAll(() => api?.close());

describe('a search within a range of time', () => {
  it('finds a message in the time of its hand-over, at once and when that is indexed', async () => {
    const row = rows[3 * PER_BLOCK]!;
    await whileNotIndexing(async () => {
      const before = { from: row.occurredAt, to: new Date(row.occurredAt.getTime() + 1) };
      await move(row, row.createdAt.getTime() + 8 * DAY);
      const after = { from: row.occurredAt, to: new Date(row.occurredAt.getTime() + 1) };
      expect(await find('often', after)).toEqual([row.id]);
      expect(await find('often', before)).toEqual([]);
    });
    await indexAll(api);
    expect(await find('often', { from: row.occurredAt, to: new Date(row.occurredAt.getTime() + 1) })).toEqual(
      [row.id],
    );
  });

  it.each([30, 59, 61, 120])(
    'finds a message that was handed over %i minutes after it was accepted, step by step',
    async (minutes) => {
      // The last of its block, and the block ends with the day.
      const row = rows[((5 + minutes) % BLOCKS) * PER_BLOCK + PER_BLOCK - 1]!;
      const steps = [minutes / 2, minutes].map((one) => row.createdAt.getTime() + one * 60_000);
      const range = () => ({ from: row.occurredAt, to: new Date(row.occurredAt.getTime() + 1) });
      await whileNotIndexing(async () => {
        for (const step of steps) {
          await move(row, step);
          expect(await find('often', range())).toContain(row.id);
        }
      });
      await indexAll(api);
      expect(await find('often', range())).toContain(row.id);
    },
  );

  it('finds history that was imported long after it was said', async () => {
    const history = rows.filter((row) => row.createdAt.getTime() - row.occurredAt.getTime() > DAY);
    expect(history.length).toBeGreaterThan(10);
    const range = { to: new Date(START - DAY) };
    expect(await find('often', range)).toEqual(wantedOf('often', range));
    expect(await find('often', range)).not.toEqual([]);
  });

  it('gives what one through all messages would, whatever has moved where', async () => {
    await expectRightAnswers(16);
    for (let round = 0; round < 3; round += 1) {
      await whileNotIndexing(async () => {
        for (let n = 0; n < 20; n += 1) {
          const row = rows[Math.floor(random() * rows.length)]!;
          await move(row, row.createdAt.getTime() + Math.floor((random() ** 3 * 12 - 2) * DAY));
        }
        await expectRightAnswers(8);
      });
      await indexAll(api);
      await expectRightAnswers(8);
    }
  });

  it('gives the same while very many messages are noted to be indexed again', async () => {
    await whileNotIndexing(async () => {
      for (const row of rows.slice(0, 5)) await move(row, row.occurredAt.getTime() + 20 * DAY);
      await api.database.worker((tx) =>
        tx.query(
          `INSERT INTO search_again (tenant_id, message_id) SELECT tenant_id, id FROM messages WHERE tenant_id = $1
           ON CONFLICT DO NOTHING`,
          [tenant.tenantId],
        ),
      );
      await expectRightAnswers(8);
    });
    await indexAll(api);
    await expectRightAnswers(8);
  });

  it('gives the same before, while and after the blocks of an older installation get their times', async () => {
    await whileNotIndexing(async () => {
      await api.database.worker(async (tx) => {
        await tx.query('DELETE FROM search_blocks WHERE tenant_id = $1', [tenant.tenantId]);
        await tx.query(`UPDATE search_progress SET untimed_from = '' WHERE tenant_id = $1`, [
          tenant.tenantId,
        ]);
      });
      await expectRightAnswers(8);
    });
    await expectRightAnswers(5);
    await indexAll(api);
    const blocks = await api.database.worker<unknown[]>((tx) =>
      tx.query('SELECT FROM search_blocks WHERE tenant_id = $1', [tenant.tenantId]),
    );
    expect(blocks).toHaveLength(BLOCKS);
    await expectRightAnswers(16);
  });
});
