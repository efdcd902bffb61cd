import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database, type Query } from '#database';
import { newId } from '#kernel';
import { analyze } from '../../../test/support/analyze.js';
import { migratedDatabase, type MigratedDatabase } from '../../../test/support/migrated-database.js';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import type { AuthContext } from '../src/auth/index.js';
import type { MessageFilter } from '../src/messages/message-list.js';
import { MessageScan } from '../src/messages/search/message-scan.js';
import { MessageSearch } from '../src/messages/search/message-search.js';
import { wantedWords } from '../src/messages/search/search-terms.js';
import {
  idsOf,
  indexAll,
  storeMessages,
  storeSessions,
  type StoredMessage,
} from './stored-messages-steps.js';

const DAY = 86_400_000;
const START = Date.now() - 10 * DAY;
const RARE = '4915110000001@c.us';
const OFTEN = '4915110000002@c.us';

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
  await storeSessions(api, tenantId, [session]);
  const limits = { keyPerMinute: null, tenantPerMinute: null };
  return { tenant, session, auth: { tenantId, keyId, mode: 'test', sessionIds: null, scopes: [], limits } };
}

/** Messages of one day, a second between them, newest last. */
function sayOn(
  session: string,
  day: number,
  count: number,
  what: (n: number) => Partial<StoredMessage>,
): StoredMessage[] {
  return Array.from({ length: count }, (_, n) => {
    const atMs = START + day * DAY + n * 1_000;
    const message = { id: newId('msg', atMs), session, chat: OFTEN, occurredAt: new Date(atMs) };
    return { ...message, direction: 'in', text: 'nothing', ...what(n) };
  });
}

/** Writes them, to be indexed from the beginning of a block on. */
async function storeDay(tenantId: string, day: number, messages: readonly StoredMessage[]): Promise<void> {
  await storeMessages(api, tenantId, messages, { number: day, fromMs: START + day * DAY });
  await indexAll(api);
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
      sayOn(session, 0, 50, () => often),
      sayOn(session, 1, 50, () => often),
      // Among the newest of them few came in.
      sayOn(session, 2, 600, (n) => ({ ...often, direction: n < 300 || n % 60 === 0 ? 'in' : 'out' })),
    ];
    for (const [day, said] of days.entries()) {
      await storeDay(tenant.tenantId, day, said);
    }
    const ids = await idsOf(tenant, { search: 'order', direction: 'in', limit: '23' });
    const wanted = days.flat().filter(({ direction }) => direction === 'in');
    expect(ids).toEqual(wanted.map(({ id }) => id).reverse());
  });
});

describe('a search among what few said', () => {
  let auth: AuthContext;
  let sessionId: string;
  let said: StoredMessage[];

  beforeAll(async () => {
    const { tenant, session, auth: of } = await tenantWithSession();
    auth = of;
    sessionId = session;
    said = sayOn(session, 0, 3_000, (n) => ({
      ...(n % 300 === 7 ? { chat: RARE } : {}),
      text: n % 300 === 7 || n % 500 === 8 ? 'Okapi' : n === 0 ? 'first' : 'nothing',
    }));
    await storeDay(tenant.tenantId, 0, said);
    // What is read to find something depends on what Postgres knows of the tables; by itself it learns that at any time.
    await analyze(own.url);
  });

  it.each([
    ['an author', { authorIds: [RARE] }],
    ['a chat', { chatIds: [RARE] }],
  ])('of %s within a range of time does not read all of the range', async (_name, of) => {
    const wanted = said.filter(({ chat }) => chat === RARE).map(({ id }) => id);
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
        filter: { sessionId, chatIds: [said[0]!.chat] },
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
