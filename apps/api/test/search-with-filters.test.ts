import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database, type Query } from '#database';
import { idBoundary, newId } from '#kernel';
import { analyze } from '../../../test/support/analyze.js';
import { waitFor } from '../../../test/support/index.js';
import { migratedDatabase, type MigratedDatabase } from '../../../test/support/migrated-database.js';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import type { AuthContext } from '../src/auth/index.js';
import type { MessageFilter } from '../src/messages/message-list.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { MessageScan } from '../src/messages/search/message-scan.js';
import { MessageSearch } from '../src/messages/search/message-search.js';
import { SearchIndex } from '../src/messages/search/search-index.js';
import { BLOCK_SIZE, wantedWords } from '../src/messages/search/search-terms.js';

interface Said {
  id: string;
  direction: 'in' | 'out';
  author: string;
  text: string;
}

const DAY = 86_400_000;
const START = Date.now() - 10 * DAY;
const RARE = '4915110000001@c.us';

let own: MigratedDatabase;
let api: TestApi;

beforeAll(async () => {
  own = await migratedDatabase();
  api = await startApi({ DATABASE_URL: own.appUrl, DATABASE_OWNER_URL: own.url });
});
afterAll(async () => {
  await api?.close();
  await own?.drop();
});

/** A tenant with one session. */
async function tenantWithSession(): Promise<{ tenant: TestTenant; session: string; auth: AuthContext }> {
  const tenant = await api.createTenant();
  const { tenantId, keyId } = tenant;
  const session = newId('ses');
  await api.database.worker((tx) =>
    tx.query(`INSERT INTO sessions (tenant_id, id, name, mode) VALUES ($1, $2, 'one', 'test')`, [
      tenantId,
      session,
    ]),
  );
  const limits = { keyPerMinute: null, tenantPerMinute: null };
  return { tenant, session, auth: { tenantId, keyId, mode: 'test', sessionIds: null, scopes: [], limits } };
}

/** Messages of one day, a second between them, newest last. */
function sayOn(day: number, count: number, what: (n: number) => Partial<Said>): Said[] {
  return Array.from({ length: count }, (_, n) => ({
    id: newId('msg', START + day * DAY + n * 1_000),
    direction: 'in' as const,
    author: '4915110000002@c.us',
    text: 'nothing',
    ...what(n),
  }));
}

/** Writes them, to be indexed from the beginning of a block on. */
async function insert(tenantId: string, session: string, day: number, said: readonly Said[]): Promise<void> {
  await api.database.worker(async (tx) => {
    await tx.query(
      `INSERT INTO search_progress (tenant_id, indexed, upto_id) VALUES ($1, $2, $3)
       ON CONFLICT (tenant_id) DO UPDATE SET indexed = excluded.indexed, upto_id = excluded.upto_id`,
      [tenantId, day * BLOCK_SIZE, idBoundary('msg', START + day * DAY)],
    );
    await tx.query(
      `INSERT INTO messages (tenant_id, id, session_id, direction, origin, chat_wa_id, author_wa_id, type, content, status,
         occurred_at)
       SELECT $1, r.id, $2, r.direction, CASE r.direction WHEN 'in' THEN 'contact' ELSE 'api' END, r.author,
         CASE r.direction WHEN 'in' THEN r.author END, 'text', jsonb_build_object('type', 'text', 'text', r.text),
         CASE r.direction WHEN 'in' THEN 'received' ELSE 'sent' END, $7::timestamptz + n * interval '1 second'
       FROM unnest($3::text[], $4::text[], $5::text[], $6::text[]) WITH ORDINALITY
         AS r (id, direction, author, text, n)`,
      [
        tenantId,
        session,
        said.map(({ id }) => id),
        said.map(({ direction }) => direction),
        said.map(({ author }) => author),
        said.map(({ text }) => text),
        new Date(START + day * DAY),
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
        tx.query('SELECT (SELECT count(*) FROM messages) - (SELECT count(*) FROM message_search) AS count'),
      );
      return Number(left?.count) === 0;
    },
    { what: 'everything to be indexed' },
  );
}

/** Messages that the transaction has read by way of an index. */
async function countRead(query: Query): Promise<number> {
  const [row] = await query<{ count: number }>(
    `SELECT idx_tup_fetch::float8 AS count FROM pg_stat_xact_user_tables WHERE relname = 'messages'`,
    [],
  );
  return row?.count ?? 0;
}

/** Ids, and how many messages were read to find them. */
async function find(
  auth: AuthContext,
  search: string,
  filter: MessageFilter,
): Promise<{ ids: string[]; read: number }> {
  let read = 0;
  class Watched extends Database {
    override workerSql<T>(work: (query: Query) => Promise<T>): Promise<T> {
      return api.database.workerSql(async (query) => {
        const before = await countRead(query);
        const result = await work(query);
        read = (await countRead(query)) - before;
        return result;
      });
    }
  }
  const database = Object.create(Watched.prototype) as Database;
  const ids = await new MessageSearch(database).find(auth, search, filter, { limit: 23 });
  return { ids, read };
}

describe('a search in what came in', () => {
  it('leaves none out where one block holds far more of the words than the others', async () => {
    const { tenant, session } = await tenantWithSession();
    const often = { text: 'order' };
    const days = [
      sayOn(0, 50, () => often),
      sayOn(1, 50, () => often),
      // Among the newest of them few came in.
      sayOn(2, 600, (n) => ({ ...often, direction: n < 300 || n % 60 === 0 ? 'in' : 'out' })),
    ];
    for (const [day, said] of days.entries()) {
      await insert(tenant.tenantId, session, day, said);
      await indexAll();
    }
    const ids: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const query: string = `search=order&direction=in&limit=23${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
      const { body }: { body: { data: MessageResource[]; nextCursor: string | null } } =
        await tenant.client.get(`/messages?${query}`);
      ids.push(...body.data.map(({ id }) => id));
      cursor = body.nextCursor;
    }
    const wanted = days.flat().filter(({ direction }) => direction === 'in');
    expect(ids).toEqual(wanted.map(({ id }) => id).reverse());
  });
});

describe('a search among what few said', () => {
  let auth: AuthContext;
  let sessionId: string;
  let said: Said[];

  beforeAll(async () => {
    const { tenant, session, auth: of } = await tenantWithSession();
    auth = of;
    sessionId = session;
    said = sayOn(0, 3_000, (n) => ({
      ...(n % 300 === 7 ? { author: RARE } : {}),
      text: n % 300 === 7 || n % 500 === 8 ? 'Okapi' : n === 0 ? 'first' : 'nothing',
    }));
    await insert(tenant.tenantId, session, 0, said);
    await indexAll();
    // What is read to find something depends on what Postgres knows of the tables; by itself it learns that at any time.
    await analyze(own.url);
  });

  it.each([
    ['an author', { authorIds: [RARE] }],
    ['a chat', { chatIds: [RARE] }],
  ])('of %s within a range of time does not read all of the range', async (_name, of) => {
    const wanted = said.filter(({ author }) => author === RARE).map(({ id }) => id);
    const { ids, read } = await find(auth, 'okapi', { ...of, from: new Date(START - DAY) });
    expect(ids).toEqual(wanted.reverse());
    expect(read).toBeGreaterThanOrEqual(ids.length);
    expect(read).toBeLessThan(100);
  });

  it('gives up in time, however rare the words are', async () => {
    await api.database.workerSql(async (query) => {
      const scan = new MessageScan({
        query,
        auth,
        filter: { sessionId, chatIds: [said[0]!.author] },
        wanted: wantedWords('first'),
        range: { limit: 23 },
      });
      const before = await countRead(query);
      expect(await scan.goThrough(1_000)).toBe(false);
      expect(scan.found).toEqual([]);
      expect((await countRead(query)) - before).toBeLessThanOrEqual(1_010);
      expect(await scan.goThrough(4_000)).toBe(true);
      expect(scan.found.map(({ id }) => id)).toEqual([said[0]!.id]);
    });
  });
});
