import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '#kernel';
import { waitFor } from '../../../test/support/index.js';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { SearchIndex } from '../src/messages/search/search-index.js';
import { BLOCK_SIZE } from '../src/messages/search/search-terms.js';

interface Row {
  n: number;
  id: string;
  session: string;
  chat: string;
  direction: 'in' | 'out';
  status: string;
  type: string;
  text: string;
  occurredAt: Date;
}

const COUNT = 240;
const START = Date.parse('2026-01-01T00:00:00Z');
const STATUSES = ['sent', 'delivered', 'read', 'failed', 'expired'];
const TEXTS = ['Your order has left', 'Счёт оплачен', '发票已经付款', 'Order arrived', 'nothing special'];

let api: TestApi;
let tenant: TestTenant;
let rows: Row[];
const sessions = [newId('ses'), newId('ses'), newId('ses')];

/** A later id for a later n; `occurredAt` in another order, as what is caught up has. */
function rowOf(n: number): Row {
  const isIn = n % 3 === 0;
  return {
    n,
    id: newId('msg', START + n * 1_000),
    session: sessions[n % sessions.length]!,
    chat: `49151${String(10_000_000 + (n % 7))}@c.us`,
    direction: isIn ? 'in' : 'out',
    status: isIn ? 'received' : STATUSES[n % STATUSES.length]!,
    type: n % 40 === 5 ? 'poll' : 'text',
    text: TEXTS[n % TEXTS.length]!,
    occurredAt: new Date(START + ((n * 37) % COUNT) * 60_000),
  };
}

beforeAll(async () => {
  api = await startApi();
  tenant = await api.createTenant();
  const other = await api.createTenant();
  rows = Array.from({ length: COUNT }, (_, n) => rowOf(n));
  await api.database.worker(async (tx) => {
    for (const [place, id] of sessions.entries()) {
      await tx.query(`INSERT INTO sessions (tenant_id, id, name, mode) VALUES ($1, $2, $3, 'test')`, [
        tenant.tenantId,
        id,
        `session-${String(place)}`,
      ]);
    }
    const foreign = newId('ses');
    await tx.query(`INSERT INTO sessions (tenant_id, id, name, mode) VALUES ($1, $2, 'theirs', 'test')`, [
      other.tenantId,
      foreign,
    ]);
    const insert = (tenantId: string, row: Row) =>
      tx.query(
        `INSERT INTO messages (tenant_id, id, session_id, direction, origin, chat_wa_id, type, content, status, occurred_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
        [
          tenantId,
          row.id,
          row.session,
          row.direction,
          row.direction === 'in' ? 'contact' : 'api',
          row.chat,
          row.type,
          row.type === 'poll'
            ? { type: 'poll', question: row.text, choices: [] }
            : { type: 'text', text: row.text },
          row.status,
          row.occurredAt,
        ],
      );
    for (const row of rows) await insert(tenant.tenantId, row);
    await insert(other.tenantId, { ...rowOf(COUNT), session: foreign, text: TEXTS[0]! });
  });
});
afterAll(() => api?.close());

/** Ids over all pages, of few messages each. */
async function idsOf(query: Record<string, string>, reader = tenant): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const search: URLSearchParams = new URLSearchParams({
      ...query,
      limit: '23',
      ...(cursor ? { cursor } : {}),
    });
    const { status, body }: { status: number; body: { data: MessageResource[]; nextCursor: string | null } } =
      await reader.client.get(`/messages?${search.toString()}`);
    expect(status).toBe(200);
    ids.push(...body.data.map(({ id }) => id));
    cursor = body.nextCursor;
  }
  return ids;
}

/**
 * The api indexes by itself too, and then one of the two is turned away.
 * @param aheadMs as if so much time had passed; what is sent later than that would be passed by
 */
async function indexAll(aheadMs = 0): Promise<void> {
  const index = api.app.get(SearchIndex, { strict: false });
  await waitFor(
    async () => {
      await index.index(Date.now() + aheadMs);
      const [left] = await api.database.worker<{ count: number }[]>((tx) =>
        tx.query(
          `SELECT (SELECT count(*) FROM search_again) + (SELECT count(*) FROM messages) -
             (SELECT count(*) FROM message_search) AS count`,
        ),
      );
      return Number(left?.count) === 0;
    },
    { what: 'everything to be indexed' },
  );
}

const newestFirst = (chosen: Row[]) => chosen.toSorted((a, b) => b.n - a.n).map(({ id }) => id);
const byTime = (chosen: Row[]) =>
  chosen.toSorted((a, b) => b.occurredAt.getTime() - a.occurredAt.getTime() || b.n - a.n).map(({ id }) => id);

const FROM = new Date(START + 60 * 60_000);
const TO = new Date(START + 180 * 60_000);
const FILTERS: [name: string, query: Record<string, string>, test: (row: Row) => boolean][] = [
  ['nothing', {}, () => true],
  ['a session', { session: 'session-1' }, (row) => row.session === sessions[1]],
  ['a chat', { chat: '4915110000003' }, (row) => row.chat === '4915110000003@c.us'],
  ['what came in', { direction: 'in' }, (row) => row.direction === 'in'],
  ['what went out', { direction: 'out' }, (row) => row.direction === 'out'],
  ['a status', { status: 'failed' }, (row) => row.status === 'failed'],
  ['a status that none has', { status: 'queued' }, () => false],
  ['a status against its direction', { status: 'failed', direction: 'in' }, () => false],
  ['a type', { type: 'poll' }, (row) => row.type === 'poll'],
  ['texts', { type: 'text', status: 'read' }, (row) => row.type === 'text' && row.status === 'read'],
  [
    'all of them',
    { session: 'session-2', chat: '4915110000002', direction: 'out', status: 'sent', type: 'text' },
    (row) =>
      row.session === sessions[2] &&
      row.chat === '4915110000002@c.us' &&
      row.status === 'sent' &&
      row.type === 'text',
  ],
];
const SEARCHES: [query: string, test: (row: Row) => boolean][] = [
  ['order', (row) => /order/i.test(row.text)],
  ['ORD left', (row) => row.text === TEXTS[0]],
  ['счёт', (row) => row.text === TEXTS[1]],
  ['已经', (row) => row.text === TEXTS[2]],
  ['no such words', () => false],
];

describe('a list of messages', () => {
  it.each(FILTERS)('of %s holds each of them once, newest first', async (_name, query, test) => {
    expect(await idsOf(query)).toEqual(newestFirst(rows.filter(test)));
  });

  it.each(FILTERS)('of %s in a range of time is in the order of time', async (_name, query, test) => {
    const range = { from: FROM.toISOString(), to: TO.toISOString() };
    const wanted = rows.filter((row) => test(row) && row.occurredAt >= FROM && row.occurredAt < TO);
    expect(await idsOf({ ...query, ...range })).toEqual(byTime(wanted));
  });

  it('holds the sessions that the key may use, and no other', async () => {
    const bound = await api.createKey(tenant.tenantId, { sessionIds: [sessions[0]!] });
    const live = await api.createKey(tenant.tenantId, { mode: 'live' });
    expect(await idsOf({}, bound)).toEqual(newestFirst(rows.filter((row) => row.session === sessions[0])));
    expect(await idsOf({}, live)).toEqual([]);
    expect(await idsOf({ search: 'order' }, live)).toEqual([]);
  });
});

describe.each(['not indexed yet', 'indexed', 'indexed in part'] as const)('a search, %s', (how) => {
  beforeAll(async () => {
    const index = api.app.get(SearchIndex, { strict: false });
    if (how === 'not indexed yet') return;
    if (how === 'indexed') await indexAll();
    // As when a message was committed behind the back of the indexing.
    else {
      await api.database.worker((tx) =>
        tx.query('DELETE FROM message_search WHERE tenant_id = $1 AND message_id = ANY($2)', [
          tenant.tenantId,
          rows.filter(({ n }) => n % 10 === 0).map(({ id }) => id),
        ]),
      );
      await waitFor(async () => (await index.lookBack(START + 3_600_000)) > 0, {
        what: 'what was missed to be indexed',
      });
    }
  });

  it.each(SEARCHES)('for %s finds them, newest first', async (search, test) => {
    expect(await idsOf({ search })).toEqual(newestFirst(rows.filter(test)));
  });

  it.each(SEARCHES)('for %s finds them in a chat and by how they ended', async (search, test) => {
    const session = 'session-1';
    const inChat = (row: Row) => row.session === sessions[1] && row.chat === '4915110000003@c.us';
    expect(await idsOf({ session, chat: '4915110000003', search })).toEqual(
      newestFirst(rows.filter((row) => inChat(row) && test(row))),
    );
    for (const status of ['failed', 'expired'])
      expect(await idsOf({ status, search })).toEqual(
        newestFirst(rows.filter((row) => row.status === status && test(row))),
      );
  });

  it.each(FILTERS)('keeps to %s', async (_name, query, test) => {
    const wanted = rows.filter((row) => test(row) && /order/i.test(row.text));
    expect(await idsOf({ ...query, search: 'order' })).toEqual(newestFirst(wanted));
    const range = { from: FROM.toISOString(), to: TO.toISOString() };
    expect(await idsOf({ ...query, ...range, search: 'order' })).toEqual(
      byTime(wanted.filter((row) => row.occurredAt >= FROM && row.occurredAt < TO)),
    );
  });
});

describe('the index of the search', () => {
  it('follows a message that says something else', async () => {
    const { id } = rows[7]!;
    await api.database.worker((tx) =>
      tx.query(
        `UPDATE messages SET content = '{"type":"text","text":"changed zebra"}' WHERE tenant_id = $1 AND id = $2`,
        [tenant.tenantId, id],
      ),
    );
    await indexAll();
    expect(await idsOf({ search: 'zebra' })).toEqual([id]);
  });

  it('goes through blocks from the newest to the oldest', async () => {
    await api.database.worker(async (tx) => {
      await tx.query('DELETE FROM message_search WHERE tenant_id = $1', [tenant.tenantId]);
      await tx.query(`UPDATE search_progress SET upto_id = '', indexed = $2 WHERE tenant_id = $1`, [
        tenant.tenantId,
        BLOCK_SIZE - 100,
      ]);
    });
    await indexAll();
    const blocks = await api.database.worker<{ block: number }[]>((tx) =>
      tx.query('SELECT DISTINCT block FROM message_search WHERE tenant_id = $1 ORDER BY block', [
        tenant.tenantId,
      ]),
    );
    expect(blocks).toEqual([{ block: 0 }, { block: 1 }]);
    const wanted = rows.filter((row) => row.n !== 7 && /order/i.test(row.text));
    expect(await idsOf({ search: 'order' })).toEqual(newestFirst(wanted));
  });

  it('is not needed where few messages fit the filters', async () => {
    await indexAll();
    const [first, second] = rows.filter((row) => row.status === 'sent').slice(3) as [Row, Row];
    await api.database.worker(async (tx) => {
      const change = (row: Row, set: string) =>
        tx.query(`UPDATE messages SET ${set} WHERE tenant_id = $1 AND id = $2`, [tenant.tenantId, row.id]);
      await change(first, `status = 'cancelled', content = '{"type":"text","text":"Giraffe at once"}'`);
      await change(second, `status = 'cancelled', content = '{"type":"text","text":"a ｇｉｒａﬀe too"}'`);
      await tx.query('DELETE FROM message_search WHERE tenant_id = $1 AND message_id = $2', [
        tenant.tenantId,
        second.id,
      ]);
    });
    const both = newestFirst([first, second]);
    expect(await idsOf({ search: 'giraffe', status: 'cancelled' })).toEqual(both);
    for (const row of [first, second]) {
      const chat = row.chat.replace('@c.us', '');
      const session = `session-${String(row.n % sessions.length)}`;
      expect(await idsOf({ search: 'giraffe', chat })).toContain(row.id);
      expect(await idsOf({ search: 'giraffe', session, status: 'cancelled' })).toContain(row.id);
    }
    await waitFor(async () => (await api.app.get(SearchIndex, { strict: false }).lookBack()) > 0, {
      what: 'what was missed to be indexed',
    });
  });

  it('leads to a few among many that fit the filters', async () => {
    const chat = '4915119999999';
    const many = Array.from({ length: 3_000 }, (_, n) => newId('msg', START + 7_200_000 + n * 1_000));
    await api.database.worker((tx) =>
      tx.query(
        `INSERT INTO messages (tenant_id, id, session_id, direction, origin, chat_wa_id, type, content, status, occurred_at)
         SELECT $1, id, ($3::text[])[1 + n % 3], 'out', 'api', $4, 'text',
           jsonb_build_object('type', 'text', 'text', CASE WHEN n % 1000 = 5 THEN 'Okapi' WHEN n % 3 = 0 THEN 'lemur' ELSE 'x' END),
           'failed', now()
         FROM unnest($2::text[]) WITH ORDINALITY AS m (id, n)`,
        [tenant.tenantId, many, sessions, `${chat}@c.us`],
      ),
    );
    const filters: Record<string, string>[] = [
      { chat },
      { status: 'failed' },
      { session: 'session-0', chat },
    ];
    const where = (test: (n: number) => boolean) => many.filter((_, place) => test(place + 1)).reverse();
    for (const how of ['not indexed yet', 'indexed']) {
      if (how === 'indexed') await indexAll(30_000);
      for (const filter of filters) {
        const isTheirs = (n: number) => !('session' in filter) || n % 3 === 0;
        expect(await idsOf({ ...filter, search: 'okapi' })).toEqual(
          where((n) => n % 1000 === 5 && isTheirs(n)),
        );
        expect(await idsOf({ ...filter, search: 'no such' })).toEqual([]);
      }
      expect(await idsOf({ chat, search: 'LEMUR' })).toEqual(where((n) => n % 3 === 0 && n % 1000 !== 5));
    }
  });

  it.each(['a', '!!', ' '.repeat(5), 'x'.repeat(201)])('refuses %j and says why', async (search) => {
    const { status, body } = await tenant.client.get(`/messages?search=${encodeURIComponent(search)}`);
    expect(status).toBe(400);
    expect(JSON.stringify(body.errors)).toContain('search');
  });
});
