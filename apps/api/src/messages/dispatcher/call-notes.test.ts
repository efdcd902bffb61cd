import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Database } from '#database';
import { migratedDatabase, type MigratedDatabase } from '../../../../../test/support/migrated-database.js';
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
