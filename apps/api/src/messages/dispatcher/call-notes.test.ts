import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Database } from '#database';
import { waitFor } from '../../../../../test/support/index.js';
import { migratedDatabase, type MigratedDatabase } from '../../../../../test/support/migrated-database.js';
import { whileFull } from '../../../test/while-full.js';
import { ApiProcess } from '../../api-process.js';
import { attemptKey, AttemptRepository } from './attempt-repository.js';
import { CallNotes } from './call-notes.js';

const TENANT = 'ten_01kb6x2vb8c7j0m4qf5t9wz3ye';
const self = new ApiProcess();
/** Lines that tell of notes that could not be written. */
const failed: { sessions: number }[] = [];
const write = (line: string) => void failed.push(JSON.parse(line) as { sessions: number });

let own: MigratedDatabase;
let database: Database;
let notes: CallNotes;

beforeAll(async () => {
  own = await migratedDatabase();
  database = await Database.open({ url: own.appUrl, poolSize: 8 });
  notes = new CallNotes(database, new AttemptRepository(), self, pino({ level: 'error' }, { write }));
  await database.workerSql((query) => query(`INSERT INTO tenants (id, name) VALUES ($1, 'Calls')`, [TENANT]));
});
afterAll(async () => {
  notes?.stop();
  await database?.close();
  await own?.drop();
});

beforeEach(() => {
  failed.length = 0;
});

/** A session with so many claimed messages. */
async function claimed(session: string, count: number) {
  await database.workerSql(async (query) => {
    await query(`INSERT INTO sessions (id, tenant_id, name, mode) VALUES ($1, $2, $1, 'test')`, [
      session,
      TENANT,
    ]);
    await query(
      `INSERT INTO messages (tenant_id, id, session_id, direction, origin, chat_wa_id, type, content, status, claims)
       SELECT $1, $2 || i, $2, 'out', 'api', '1@c.us', 'text', '{}', 'sending', 1 FROM generate_series(1, $3::int) i`,
      [TENANT, session, count],
    );
    await query(
      `INSERT INTO message_attempts (tenant_id, message_id, number, session_id, wa_message_id, node_name, node_boot_id,
         epoch, claimed_by)
       SELECT tenant_id, id, 1, session_id, id, 'n', 'b', 1, $2 FROM messages WHERE session_id = $1`,
      [session, self.name],
    );
  });
}

function note(session: string, i: number): Promise<ReadonlySet<string>> {
  return notes.note(session, [{ tenantId: TENANT, messageId: `${session}${String(i)}`, attempt: 1 }]);
}

it('lets the calls of sessions whose rows others hold wait alone, and forgets none', async () => {
  const locked = Array.from({ length: 5 }, (_, i) => `ses_held${String(i)}`);
  for (const session of locked) await claimed(session, 2);
  await claimed('ses_free', 12);
  const held: Promise<ReadonlySet<string>>[] = [];
  let answered = 0;
  const noteHeld = (session: string, i: number) =>
    held.push(note(session, i).then((mine) => ((answered += 1), mine)));
  await database.workerSql(async (query) => {
    await query('SELECT FROM message_attempts WHERE session_id = ANY ($1) FOR UPDATE', [locked]);
    for (const session of locked) noteHeld(session, 1);
    await note('ses_free', 1);
    for (const session of locked) noteHeld(session, 2);
    for (let i = 2; i <= 12; i += 1) {
      expect([...(await note('ses_free', i))]).toContain(attemptKey(`ses_free${String(i)}`, 1));
    }
    expect(answered).toBe(0);
    // Together they were tried once, and no free one after it with one that is held.
    expect(failed.filter(({ sessions }) => sessions > 1)).toMatchObject([{ sessions: 6 }]);
  });
  const mine = await Promise.all(held);
  const names = [1, 2].flatMap((i) => locked.map((session) => attemptKey(`${session}${String(i)}`, 1)));
  expect(mine.map((keys, i) => keys.has(names[i] ?? ''))).toEqual(names.map(() => true));
});

it('lets the calls of a session that the database refuses for now wait alone', async () => {
  await claimed('ses_full', 1);
  await claimed('ses_full_free', 2);
  const waiting: Promise<ReadonlySet<string>>[] = [];
  await whileFull(own.url, ['ses_full'], async () => {
    waiting.push(note('ses_full', 1));
    for (const i of [1, 2]) {
      expect([...(await note('ses_full_free', i))]).toContain(attemptKey(`ses_full_free${String(i)}`, 1));
    }
  });
  const [mine] = await Promise.all(waiting);
  expect([...(mine ?? [])]).toEqual([attemptKey('ses_full1', 1)]);
});

it('does not try session after session while the database refuses them all', async () => {
  const refused = Array.from({ length: 5 }, (_, i) => `ses_all_full${String(i)}`);
  for (const session of refused) await claimed(session, 1);
  const waiting: Promise<ReadonlySet<string>>[] = [];
  await whileFull(own.url, refused, async () => {
    waiting.push(...refused.map((session) => note(session, 1)));
    await waitFor(() => failed.length >= 4, { what: 'them all to be tried again' });
    expect(failed.slice(0, 4)).toMatchObject([5, 1, 1, 5].map((sessions) => ({ sessions })));
  });
  const mine = await Promise.all(waiting);
  expect(mine.map((keys, i) => keys.has(attemptKey(`${refused[i] ?? ''}1`, 1)))).toEqual(
    refused.map(() => true),
  );
});
