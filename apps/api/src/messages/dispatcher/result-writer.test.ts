import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Query } from '#database';
import { waitFor } from '../../../../../test/support/index.js';
import { startApi, type TestApi } from '../../../../../test/support/start-api.js';
import { whileFull } from '../../../test/while-full.js';
import { MessageWatch } from '../message-watch.js';
import type { AttemptEnd, AttemptResult } from './claimed-message.js';
import { Reconciler } from './reconciler.js';
import { ResultRepository } from './result-repository.js';
import { ResultWriter } from './result-writer.js';

const UNKNOWN: AttemptEnd = {
  kind: 'outcome',
  outcome: { outcome: 'unknown', reason: 'page_lost' },
  held: false,
};

let api: TestApi;
let tenantId: string;
let writer: ResultWriter;
/** Lines that tell of results that could not be written. */
let failed: { sessions?: number }[] = [];

beforeAll(async () => {
  api = await startApi({ DATABASE_POOL_SIZE: '12' });
  // These attempts end by this test alone.
  await api.app.get(Reconciler, { strict: false }).beforeApplicationShutdown();
  tenantId = (await api.createTenant()).tenantId;
});
afterAll(() => api?.close());
beforeEach(() => {
  failed = [];
  const write = (line: string) => void failed.push(JSON.parse(line) as { sessions?: number });
  const repository = api.app.get(ResultRepository, { strict: false });
  writer = new ResultWriter(repository, new MessageWatch(), pino({ level: 'error' }, { write }));
});

/** A session with so many messages under way; gives what is to be written of them. */
async function sending(session: string, count = 1, end = UNKNOWN): Promise<AttemptResult[]> {
  await api.database.workerSql(async (query) => {
    await query(`INSERT INTO sessions (id, tenant_id, name, mode) VALUES ($1, $2, $1, 'test')`, [
      session,
      tenantId,
    ]);
    await query(
      `INSERT INTO messages (tenant_id, id, session_id, direction, origin, chat_wa_id, type, content, status, claims)
       SELECT $1, $2 || '_' || i, $2, 'out', 'api', '1@c.us', 'text', '{}', 'sending', 1
       FROM generate_series(1, $3::int) i`,
      [tenantId, session, count],
    );
    await query(
      `INSERT INTO message_attempts (tenant_id, message_id, number, session_id, wa_message_id, node_name, node_boot_id,
         epoch, claimed_by, called_at)
       SELECT tenant_id, id, 1, session_id, id, 'n', 'b', 1, 'p', now() FROM messages WHERE session_id = $1`,
      [session],
    );
  });
  return Array.from({ length: count }, (_, i) => ({
    tenantId,
    sessionId: session,
    messageId: `${session}_${String(i + 1)}`,
    attempt: 1,
    end,
  }));
}

async function whileLocked(sessions: string[], work: (query: Query) => Promise<void>): Promise<void> {
  await api.database.workerSql(async (query) => {
    await query('SELECT FROM messages WHERE session_id = ANY ($1) FOR UPDATE', [sessions]);
    await work(query);
  });
}

async function statusesOf(...sessions: string[]): Promise<string[]> {
  const rows = await api.database.workerSql((query) =>
    query<{ status: string }>(
      'SELECT DISTINCT status FROM messages WHERE session_id = ANY ($1) ORDER BY status',
      [sessions],
    ),
  );
  return rows.map(({ status }) => status);
}

it('writes what is free beside many sessions whose rows others hold, and what those have once they can', async () => {
  const names = Array.from({ length: 5 }, (_, i) => `ses_many${String(i)}`);
  const locked: AttemptResult[] = [];
  for (const name of names) locked.push(...(await sending(name)));
  const [first, ...free] = await sending('ses_many_free', 8);
  const waiting: Promise<void>[] = [];
  await whileLocked(names, async () => {
    waiting.push(...locked.map((result) => writer.write(result)));
    if (first) await writer.write(first);
    for (const result of free) await writer.write(result);
    expect(await statusesOf('ses_many_free')).toEqual(['unknown']);
    expect(await statusesOf(...names)).toEqual(['sending']);
    // Together they were tried once, and nothing free after it with anything that is held.
    expect(failed.filter(({ sessions = 1 }) => sessions > 1)).toMatchObject([{ sessions: 6 }]);
  });
  await Promise.all(waiting);
  expect(await statusesOf(...names)).toEqual(['unknown']);
});

it('writes what is free also when the database refuses one of those that are written with a locked one', async () => {
  const handed = {
    outcome: 'handed' as const,
    waKey: 'true_1@c.us_1',
    // No text of Postgres holds it, which it says before it waits for any row.
    chatId: '1\u0000@c.us',
    ack: 1 as const,
    timestamp: new Date().toISOString(),
  };
  const refused = await sending('ses_refused', 1, { kind: 'outcome', outcome: handed, held: false });
  const locked = await sending('ses_beside');
  const [first, second] = await sending('ses_beside_free', 2);
  const waiting: Promise<void>[] = [];
  await whileLocked(['ses_beside'], async () => {
    const told = refused.map((result) => writer.write(result));
    waiting.push(...locked.map((result) => writer.write(result)));
    if (first) await writer.write(first);
    if (second) await writer.write(second);
    await Promise.all(told);
    expect(await statusesOf('ses_refused', 'ses_beside_free')).toEqual(['unknown']);
    expect(await statusesOf('ses_beside')).toEqual(['sending']);
  });
  await Promise.all(waiting);
  expect(await statusesOf('ses_beside')).toEqual(['unknown']);
});

it('writes what is free beside a session whose results the database refuses for now, and those once it takes them', async () => {
  const refused = await sending('ses_full');
  const [first, second] = await sending('ses_full_free', 2);
  const waiting: Promise<void>[] = [];
  await whileFull(api.config.DATABASE_OWNER_URL, ['ses_full'], async () => {
    waiting.push(...refused.map((result) => writer.write(result)));
    if (first) await writer.write(first);
    if (second) await writer.write(second);
    expect(await statusesOf('ses_full_free')).toEqual(['unknown']);
    expect(await statusesOf('ses_full')).toEqual(['sending']);
  });
  await Promise.all(waiting);
  expect(await statusesOf('ses_full')).toEqual(['unknown']);
});

it('does not try session after session while the database refuses them all', async () => {
  const names = Array.from({ length: 5 }, (_, i) => `ses_full${String(i)}`);
  const refused: AttemptResult[] = [];
  for (const name of names) refused.push(...(await sending(name)));
  const waiting: Promise<void>[] = [];
  await whileFull(api.config.DATABASE_OWNER_URL, names, async () => {
    waiting.push(...refused.map((result) => writer.write(result)));
    await waitFor(() => failed.length >= 4, { what: 'them all to be tried again' });
    expect(failed.slice(0, 4)).toMatchObject([5, 1, 1, 5].map((sessions) => ({ sessions })));
  });
  await Promise.all(waiting);
  expect(await statusesOf(...names)).toEqual(['unknown']);
});

it('has nothing left when a flush ends, also of what came while it waited for a held session', async () => {
  const [early] = await sending('ses_early');
  const [late] = await sending('ses_late');
  if (!early || !late) throw new Error('nothing is under way');
  let flushed: Promise<boolean[]> | undefined;
  await whileLocked(['ses_late'], async () => {
    let told: Promise<void> | undefined;
    await whileLocked(['ses_early'], async () => {
      told = writer.write(early);
      await waitFor(() => failed.length > 0, { what: 'the early one to be held apart' });
      flushed = writer.flush().then(() => [early, late].map(({ messageId }) => writer.has(`${messageId} 1`)));
      void writer.write(late);
    });
    await told;
  });
  expect(await flushed).toEqual([false, false]);
  expect(await statusesOf('ses_early', 'ses_late')).toEqual(['unknown']);
});
