import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database, type Query } from '#database';
import { newId } from '#kernel';
import { analyze } from '../../../test/support/analyze.js';
import { migratedDatabase, type MigratedDatabase } from '../../../test/support/migrated-database.js';
import { startApi, type TestApi } from '../../../test/support/start-api.js';
import type { AuthContext } from '../src/auth/index.js';
import type { MessageFilter } from '../src/messages/message-list.js';
import { MessageRepository } from '../src/messages/message-repository.js';
import { TimelineRepository } from '../src/messages/timeline/timeline-repository.js';
import { EventDeliveryRepository } from '../src/webhooks/event-delivery-repository.js';
import { indexAll } from './stored-messages-steps.js';

const MESSAGES = 3_000;
const CHATS = 1_000;
const PAGE = 50;
/** The chat of every second message. */
const BUSY = '4915110000000@c.us';
const DAY_MS = 86_400_000;
const START_MS = Date.now() - DAY_MS;

let own: MigratedDatabase;
let api: TestApi;
let auth: AuthContext;
let sessionId: string;
let ids: string[];

beforeAll(async () => {
  own = await migratedDatabase();
  api = await startApi({ DATABASE_URL: own.appUrl, DATABASE_OWNER_URL: own.url });
  await tenantWithMessages();
  await analyze(own.url);
  ({ auth, sessionId, ids } = await tenantWithMessages());
});
afterAll(async () => {
  await api?.close();
  await own?.drop();
});

/** A tenant with one session and its messages, ten seconds between them, oldest first. */
async function tenantWithMessages(): Promise<{ auth: AuthContext; sessionId: string; ids: string[] }> {
  const { tenantId, keyId } = await api.createTenant();
  const session = newId('ses');
  const made = Array.from({ length: MESSAGES }, (_, n) => newId('msg', START_MS + n * 10_000));
  await api.database.workerSql(async (query) => {
    await query(`INSERT INTO sessions (tenant_id, id, name, mode) VALUES ($1, $2, 'one', 'test')`, [
      tenantId,
      session,
    ]);
    await query(
      `INSERT INTO chats (tenant_id, id, session_id, wa_id, kind)
       SELECT $1, 'cht_' || n, $2, (4915110000000 + n) || '@c.us', 'person' FROM generate_series(0, ${String(CHATS)}) AS n`,
      [tenantId, session],
    );
    await query(
      `INSERT INTO media (tenant_id, id, session_id, object_key, mime_type, source, state)
       SELECT $1, 'med_' || n, $2, 'key/' || n, 'text/plain', 'upload', 'stored' FROM generate_series(1, ${String(MESSAGES)}) AS n`,
      [tenantId, session],
    );
    await query(
      `INSERT INTO messages (tenant_id, id, session_id, direction, origin, chat_wa_id, type, content, media_id, status,
         occurred_at)
       SELECT $1, r.id, $2, CASE n % 4 WHEN 0 THEN 'in' ELSE 'out' END, CASE n % 4 WHEN 0 THEN 'contact' ELSE 'api' END,
         CASE n % 2 WHEN 0 THEN '${BUSY}' ELSE (4915110000000 + n % ${String(CHATS)}) || '@c.us' END,
         'document', '{"type": "document"}', 'med_' || n, CASE n % 4 WHEN 0 THEN 'received' ELSE 'sent' END,
         $4::timestamptz + n * interval '10 s'
       FROM unnest($3::text[]) WITH ORDINALITY AS r (id, n)`,
      [tenantId, session, made, new Date(START_MS)],
    );
  });
  const limits = { keyPerMinute: null, tenantPerMinute: null };
  return {
    auth: { tenantId, keyId, mode: 'test', sessionIds: null, scopes: [], limits },
    sessionId: session,
    ids: made,
  };
}

/** Rows of all tables that the transaction has read. */
async function countRead(query: Query): Promise<number> {
  const [row] = await query<{ count: number }>(
    'SELECT sum(idx_tup_fetch + seq_tup_read)::float8 AS count FROM pg_stat_xact_user_tables',
  );
  return row?.count ?? 0;
}

/** What `work` gives, and how many rows were read for it. */
async function watched<T>(
  work: (repository: MessageRepository, database: Database) => Promise<T>,
): Promise<{ result: T; read: number }> {
  let read = 0;
  class Watched extends Database {
    override tenantSql<R>(tenantId: string, run: (query: Query) => Promise<R>): Promise<R> {
      return api.database.tenantSql(tenantId, async (query) => {
        const before = await countRead(query);
        const result = await run(query);
        read += (await countRead(query)) - before;
        return result;
      });
    }
  }
  const database = Object.create(Watched.prototype) as Database;
  const result = await work(new MessageRepository(database), database);
  return { result, read };
}

/** Of a new tenant beside a large one Postgres believes for long that it has a message or two. */
describe('of a tenant that the statistics of the database do not know', () => {
  it.each<[string, () => MessageFilter]>([
    ['all', () => ({})],
    ['a session', () => ({ sessionId })],
    ['a chat', () => ({ sessionId, chatIds: [BUSY] })],
    ['a direction', () => ({ direction: 'out' })],
    ['a status', () => ({ status: 'sent' })],
    ['a range of time', () => ({ from: new Date(START_MS), to: new Date(START_MS + DAY_MS) })],
  ])('no more is read than shown in the list of %s', async (_name, filter) => {
    const { result, read } = await watched((repository) => repository.list(auth, filter(), { limit: PAGE }));
    expect(result).toHaveLength(PAGE);
    // Once to find their ids, and once with all that is shown of them: session, chat, file.
    expect(read).toBeLessThanOrEqual(8 * PAGE);
  });

  it('no more is read than asked for by id', async () => {
    const wanted = ids.slice(-PAGE);
    const { result, read } = await watched((repository) => repository.listByIds(auth, wanted));
    expect(result.map(({ id }) => id)).toEqual(wanted);
    expect(read).toBeLessThanOrEqual(5 * PAGE);
  });

  it('no more is read than one message and what belongs to it', async () => {
    const { result, read } = await watched((repository) => repository.get(auth, ids[MESSAGES - 1]!));
    expect(result.id).toBe(ids[MESSAGES - 1]);
    expect(read).toBeLessThanOrEqual(10);
  });

  it('no more is read than belongs to the timeline of one message', async () => {
    const deliveries = api.app.get(EventDeliveryRepository, { strict: false });
    const { result, read } = await watched((_, database) =>
      new TimelineRepository(database, deliveries).find(auth.tenantId, ids[MESSAGES - 1]!, null),
    );
    expect(result?.media?.state).toBe('stored');
    expect(read).toBeLessThanOrEqual(10);
  });

  it('no more is read than the messages of a batch whose times are noted for searches', async () => {
    await indexAll(api);
    const read = await api.database.workerSql(async (query) => {
      const before = await countRead(query);
      await query('SELECT wagate_widen_search_blocks($1, $2)', [auth.tenantId, ids.slice(-PAGE)]);
      return (await countRead(query)) - before;
    });
    // Each message, and where it stands in the index.
    expect(read).toBeGreaterThanOrEqual(2 * PAGE);
    expect(read).toBeLessThanOrEqual(3 * PAGE);
  });
});
