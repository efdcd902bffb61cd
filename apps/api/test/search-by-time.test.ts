import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { idBoundary, newId } from '#kernel';
import { waitFor } from '../../../test/support/index.js';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { SearchIndex } from '../src/messages/search/search-index.js';
import { BLOCK_SIZE } from '../src/messages/search/search-terms.js';

interface Row {
  id: string;
  session: number;
  direction: 'in' | 'out';
  text: string;
  createdAt: Date;
  occurredAt: Date;
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
    session: n % 2,
    direction: isHistory || n % 2 ? 'in' : 'out',
    text: ['often', n % 7 === 0 ? 'seldom' : '', n % 97 === 0 ? 'rarely' : ''].join(' '),
    createdAt: new Date(createdMs),
    occurredAt: new Date(createdMs - (isHistory ? Math.floor(random() * 400) * DAY : 60_000)),
  };
}

async function insert(block: readonly Row[], number: number): Promise<void> {
  await api.database.worker(async (tx) => {
    await tx.query(
      `INSERT INTO search_progress (tenant_id, indexed, upto_id) VALUES ($1, $2, $3)
       ON CONFLICT (tenant_id) DO UPDATE SET indexed = excluded.indexed, upto_id = excluded.upto_id`,
      [tenant.tenantId, number * BLOCK_SIZE, idBoundary('msg', START + number * DAY)],
    );
    await tx.query(
      `INSERT INTO messages (tenant_id, id, session_id, direction, origin, chat_wa_id, type, content, status, occurred_at,
         created_at)
       SELECT $1, r.id, r.session, r.direction, CASE r.direction WHEN 'in' THEN 'contact' ELSE 'api' END,
         '4915110000001@c.us', 'text', jsonb_build_object('type', 'text', 'text', r.text),
         CASE r.direction WHEN 'in' THEN 'received' ELSE 'sent' END, r.occurred, r.created
       FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[])
         AS r (id, session, direction, text, occurred, created)`,
      [
        tenant.tenantId,
        block.map(({ id }) => id),
        block.map(({ session }) => sessions[session]),
        block.map(({ direction }) => direction),
        block.map(({ text }) => text),
        block.map(({ occurredAt }) => occurredAt),
        block.map(({ createdAt }) => createdAt),
      ],
    );
  });
}

/** The api indexes by itself too, and then one of the two is turned away. */
async function indexAll(): Promise<void> {
  await waitFor(
    async () => {
      await api.app.get(SearchIndex, { strict: false }).index();
      const [left] = await api.database.worker<{ count: number }[]>((tx) =>
        tx.query(
          `SELECT (SELECT count(*) FROM search_again) + (SELECT count(*) FROM messages) +
             (SELECT count(*) FROM search_progress WHERE untimed_from IS NOT NULL) -
             (SELECT count(*) FROM message_search) AS count`,
        ),
      );
      return Number(left?.count) === 0;
    },
    { what: 'everything to be indexed' },
  );
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
async function idsOf(search: string, { from, to }: Range, session?: number): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const query: URLSearchParams = new URLSearchParams({
      search,
      limit: '50',
      ...(from ? { from: from.toISOString() } : {}),
      ...(to ? { to: to.toISOString() } : {}),
      ...(session === undefined ? {} : { session: `session-${String(session)}` }),
      ...(cursor ? { cursor } : {}),
    });
    const { status, body }: { status: number; body: { data: MessageResource[]; nextCursor: string | null } } =
      await tenant.client.get(`/messages?${query.toString()}`);
    expect(status).toBe(200);
    ids.push(...body.data.map(({ id }) => id));
    cursor = body.nextCursor;
  }
  return ids;
}

function wantedOf(search: string, { from, to }: Range, session?: number): string[] {
  return rows
    .filter((row) => row.text.includes(search) && (session === undefined || row.session === session))
    .filter(({ occurredAt }) => (!from || occurredAt >= from) && (!to || occurredAt < to))
    .toSorted((a, b) => b.occurredAt.getTime() - a.occurredAt.getTime() || (a.id < b.id ? 1 : -1))
    .map(({ id }) => id);
}

async function expectRightAnswers(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const search = ['often', 'seldom', 'rarely', 'seldom often'][n % 4] ?? '';
    const session = n % 3 === 0 ? Math.floor(random() * 2) : undefined;
    const from = new Date(START + Math.floor((random() * 1.2 - 0.15) * BLOCKS * DAY));
    const to = new Date(from.getTime() + Math.floor(random() ** 4 * BLOCKS * DAY) + HOUR);
    const range = [{ from, to }, { from, to }, { from, to }, { from }, { to }][n % 5] ?? {};
    const found = await idsOf(search, range, session);
    expect(found, JSON.stringify({ search, range, session })).toEqual(
      wantedOf(search.replace('seldom often', 'seldom'), range, session),
    );
  }
}

beforeAll(async () => {
  api = await startApi();
  tenant = await api.createTenant();
  await api.database.worker(async (tx) => {
    for (const [place, id] of sessions.entries()) {
      await tx.query(`INSERT INTO sessions (tenant_id, id, name, mode) VALUES ($1, $2, $3, 'test')`, [
        tenant.tenantId,
        id,
        `session-${String(place)}`,
      ]);
    }
  });
  rows = Array.from({ length: BLOCKS * PER_BLOCK }, (_, n) => rowOf(n));
  for (let block = 0; block < BLOCKS; block += 1) {
    await insert(rows.slice(block * PER_BLOCK, (block + 1) * PER_BLOCK), block);
    await indexAll();
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
      expect(await idsOf('often', after)).toEqual([row.id]);
      expect(await idsOf('often', before)).toEqual([]);
    });
    await indexAll();
    expect(
      await idsOf('often', { from: row.occurredAt, to: new Date(row.occurredAt.getTime() + 1) }),
    ).toEqual([row.id]);
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
          expect(await idsOf('often', range())).toContain(row.id);
        }
      });
      await indexAll();
      expect(await idsOf('often', range())).toContain(row.id);
    },
  );

  it('finds history that was imported long after it was said', async () => {
    const history = rows.filter((row) => row.createdAt.getTime() - row.occurredAt.getTime() > DAY);
    expect(history.length).toBeGreaterThan(10);
    const range = { to: new Date(START - DAY) };
    expect(await idsOf('often', range)).toEqual(wantedOf('often', range));
    expect(await idsOf('often', range)).not.toEqual([]);
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
      await indexAll();
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
    await indexAll();
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
    await indexAll();
    const blocks = await api.database.worker<unknown[]>((tx) =>
      tx.query('SELECT FROM search_blocks WHERE tenant_id = $1', [tenant.tenantId]),
    );
    expect(blocks).toHaveLength(BLOCKS);
    await expectRightAnswers(16);
  });
});
