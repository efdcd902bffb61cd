import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database, type Query } from '#database';
import { newId } from '#kernel';
import { waitFor } from '../../../../../test/support/index.js';
import { migratedDatabase, type MigratedDatabase } from '../../../../../test/support/migrated-database.js';

/** Above what is looked at of the front of a queue. */
const LONG = 1_100;
/** Above how many chats are looked at one by one. */
const CROWD = 600;
const MOST = 16;

interface Queued {
  chat: string;
  priority: number;
  status: 'queued' | 'sending' | 'sent';
  /** Its time has come. */
  due: boolean;
  expired: boolean;
}

let own: MigratedDatabase;
let database: Database;
let tenantId: string;

/** A new database that is asked by one connection. */
async function open(): Promise<void> {
  own = await migratedDatabase();
  database = await Database.open({ url: own.appUrl, poolSize: 1 });
  tenantId = newId('tnt');
  await database.workerSql((query) =>
    query(`INSERT INTO tenants (id, name) VALUES ($1, 'Queues')`, [tenantId]),
  );
}

async function close(): Promise<void> {
  await database?.close();
  await own?.drop();
}

/** A connected session with these messages, the first the oldest; gives its id, theirs being `<id>_<place>`. */
async function sessionWith(query: Query, messages: readonly Queued[]): Promise<string> {
  const session = newId('ses');
  await query(
    `INSERT INTO nodes (name, url, capacity, boot_id, sandbox) VALUES ('n', 'http://n', 50, 'b', true)
     ON CONFLICT (name) DO UPDATE SET last_seen_at = now()`,
  );
  await query(
    `INSERT INTO sessions (tenant_id, id, name, mode, node_name, state, desired)
     VALUES ($1, $2, $2, 'test', 'n', 'connected', 'running')`,
    [tenantId, session],
  );
  await query(
    `INSERT INTO messages (tenant_id, id, session_id, direction, origin, chat_wa_id, type, content, status, priority,
       due_at, expires_at)
     SELECT $1, $2 || '_' || lpad(n::text, 6, '0'), $2, 'out', 'api', m.chat, 'text', '{"type": "text", "text": "x"}',
       m.status, m.priority, now() + CASE WHEN m.due THEN interval '-1 s' ELSE interval '1 h' END,
       now() + CASE WHEN m.expired THEN interval '-1 s' ELSE interval '1 h' END
     FROM ROWS FROM (jsonb_to_recordset($3::jsonb)
       AS (chat text, priority smallint, status text, due boolean, expired boolean)) WITH ORDINALITY
       AS m (chat, priority, status, due, expired, n)`,
    [tenantId, session, JSON.stringify(messages)],
  );
  return session;
}

async function dueOf(query: Query, session: string, waiting: readonly string[]): Promise<string[]> {
  const [row] = await query<{ ids: string[] }>('SELECT ids FROM wagate_due_messages($1, $2, $3)', [
    session,
    waiting,
    MOST,
  ]);
  return row?.ids ?? [];
}

function expected(session: string, messages: readonly Queued[], waiting: readonly string[]): string[] {
  return messages
    .map((message, index) => ({ ...message, id: `${session}_${String(index + 1).padStart(6, '0')}` }))
    .filter((one) => one.status === 'queued' && one.due && !one.expired && !waiting.includes(one.chat))
    .sort((a, b) => b.priority - a.priority || (a.id < b.id ? -1 : 1))
    .slice(0, MOST)
    .map(({ id }) => id);
}

/** Rows of messages that the transaction has read. */
async function rowsRead(query: Query): Promise<number> {
  const [row] = await query<{ count: number }>(
    `SELECT (idx_tup_fetch + seq_tup_read)::float8 AS count FROM pg_stat_xact_user_tables WHERE relname = 'messages'`,
  );
  return row?.count ?? 0;
}

const plain = (chat: string): Queued => ({ chat, priority: 0, status: 'queued', due: true, expired: false });
const chats = ['1@c.us', '2@c.us', '3@c.us', '4@c.us', '5@g.us'];
const anyMessage = fc.record<Queued>({
  chat: fc.constantFrom(...chats),
  priority: fc.constantFrom(0, 0, 0, 1),
  status: fc.constantFrom('queued', 'queued', 'queued', 'sending', 'sent'),
  due: fc.constantFrom(true, true, true, false),
  expired: fc.constantFrom(false, false, false, true),
});

describe('the next messages of a session', () => {
  beforeAll(open);
  afterAll(close);

  it('finds what is next of the chats that need not wait, however much of the others stands before it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyMessage, { maxLength: 40 }),
        fc.constantFrom(0, LONG),
        fc.constantFrom(0, 0, CROWD),
        fc.array(anyMessage, { maxLength: 60 }),
        fc.subarray(chats),
        async (before, ofOneChat, crowd, after, waiting) => {
          const long = Array.from({ length: ofOneChat }, () => plain('1@c.us'));
          const others = Array.from({ length: crowd }, (_, index) => ({
            ...plain(`x${index}@c.us`),
            due: index > 590,
          }));
          const messages = [...before, ...long, ...others, ...after];
          await database.workerSql(async (query) => {
            const session = await sessionWith(query, messages);
            expect(await dueOf(query, session, waiting)).toEqual(expected(session, messages, waiting));
          });
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('a claim that waits for somebody who changes what it has chosen', () => {
  beforeAll(open);
  afterAll(close);

  it.each([
    ['one', 1, { state: 'claimed', more: true }],
    ['all', 3, { state: 'locked' }],
  ])('has its claimer ask again for the rest: %s', async (_what, count, answer) => {
    const session = await database.workerSql((query) =>
      sessionWith(
        query,
        Array.from({ length: 20 }, (_, index) => plain(`${index}@c.us`)),
      ),
    );
    const other = new pg.Client({ connectionString: own.url });
    await other.connect();
    try {
      await other.query('BEGIN');
      await other.query(
        `UPDATE messages SET status = 'cancelled'
         WHERE id IN (SELECT id FROM messages WHERE session_id = $1 ORDER BY id LIMIT $2)`,
        [session, count],
      );
      const claimed = claim(session);
      await waitFor(
        async () => {
          const { rows } = await other.query(
            'SELECT FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))',
          );
          return rows.length > 0;
        },
        { what: 'the claim to wait' },
      );
      await other.query('COMMIT');
      expect(await claimed).toMatchObject(answer);
    } finally {
      await other.end();
    }
  });
});

const blocked = Array.from({ length: 5_000 }, () => plain('1@c.us'));

/** What a claim of a session takes, and how many rows of messages it reads for that. */
async function claim(session: string, fullChats: string[] = []) {
  return database.workerSql(async (query) => {
    const before = await rowsRead(query);
    const [row] = await query<{ answer: { state: string; more?: boolean; messages?: { chatId: string }[] } }>(
      `SELECT wagate_claim_due_messages($1, 'p', ARRAY['A', 'B', 'C'], interval '60 s', 'null', $2) AS answer`,
      [session, fullChats],
    );
    const read = (await rowsRead(query)) - before;
    return {
      state: row?.answer.state,
      more: row?.answer.more,
      chats: row?.answer.messages?.map(({ chatId }) => chatId),
      read,
    };
  });
}

async function analyze(): Promise<void> {
  const owner = new pg.Client({ connectionString: own.url });
  await owner.connect();
  await owner.query('ANALYZE messages');
  await owner.end();
}

// A connection keeps a plan until the table is analyzed; at some of these sizes others look as good as the right ones.
describe.each([0, 10, 100, 400, 700])('planned with %s messages in the table', (small) => {
  beforeAll(async () => {
    await open();
    const session = await database.workerSql((query) =>
      sessionWith(
        query,
        Array.from({ length: small }, (_, index) => plain(`${index % 7}@c.us`)),
      ),
    );
    // A plan without values is made at the sixth use.
    for (let round = 0; round < 8; round++) await claim(session, ['1@c.us']);
  });
  afterAll(close);

  it.each([false, true])(
    'passes over the queue of a chat that has to wait without reading all of it (analyzed since: %s)',
    async (analyzed) => {
      const session = await database.workerSql((query) =>
        sessionWith(query, [...blocked, plain('2@c.us'), plain('3@c.us')]),
      );
      if (analyzed) await analyze();
      const others = await claim(session, ['1@c.us']);
      expect(others).toMatchObject({ state: 'claimed', chats: ['2@c.us', '3@c.us'] });
      expect(others.read).toBeLessThan(2_200);
      const first = await claim(session);
      expect(first).toMatchObject({ state: 'claimed', chats: ['1@c.us', '1@c.us', '1@c.us'] });
      expect(first.read).toBeLessThan(60 + small);
    },
  );

  it('passes over it no less where somebody has opted out', async () => {
    const session = await database.workerSql(async (query) => {
      await query(`INSERT INTO opt_outs (tenant_id, id, mode, wa_id) VALUES ($1, 'o', 'test', '9@c.us')`, [
        tenantId,
      ]);
      return sessionWith(query, [...blocked, plain('2@c.us')]);
    });
    const others = await claim(session, ['1@c.us']);
    expect(others).toMatchObject({ state: 'claimed', chats: ['2@c.us'] });
    expect(others.read).toBeLessThan(2_200);
    await database.workerSql((query) => query('DELETE FROM opt_outs'));
  });

  it('reads no more of the queue of a paced session than it takes', async () => {
    const session = await database.workerSql(async (query) => {
      const id = await sessionWith(query, blocked);
      await query(`UPDATE sessions SET pacing = '{"perMinute": 2}' WHERE id = $1`, [id]);
      return id;
    });
    const taken = await claim(session);
    expect(taken).toMatchObject({ state: 'claimed', chats: ['1@c.us', '1@c.us'] });
    expect(taken.read).toBeLessThan(60);
  });
});
