import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '#kernel';
import { migratedDatabase, type MigratedDatabase } from '../../../test/support/migrated-database.js';
import { asQuery, Database, type Query } from './index.js';

let own: MigratedDatabase;
let database: Database;

beforeAll(async () => {
  own = await migratedDatabase();
  database = await Database.open({ url: own.appUrl, poolSize: 8, lockTimeoutMs: 8_000 });
});

afterAll(async () => {
  await database?.close();
  await own?.drop();
});

/** Lets the first so many calls go on together. */
function meeting(count: number): () => Promise<void> {
  let waiting: (() => void)[] = [];
  let met = 0;
  return async () => {
    met += 1;
    if (met > count) return;
    const together = new Promise<void>((resolve) => waiting.push(resolve));
    if (met === count) {
      for (const go of waiting) go();
      waiting = [];
    }
    await together;
  };
}

const paths: [string, (work: (query: Query) => Promise<void>) => Promise<void>][] = [
  ['hot statements', (work) => database.workerSql(work)],
  ['an entity manager', (work) => database.worker((tx) => work(asQuery(tx)))],
];

describe('transactions that deadlock', () => {
  it.each(paths)('all succeed, once each, with %s', async (_, run) => {
    const ids = [newId('tnt'), newId('tnt')];
    await database.workerSql((query) =>
      query(`INSERT INTO tenants (id, name, max_sessions) SELECT unnest($1::text[]), 'A', 0`, [ids]),
    );
    const meet = meeting(2);
    let runs = 0;
    const add = (order: string[]) =>
      run(async (query) => {
        runs += 1;
        for (const id of order) {
          await query('UPDATE tenants SET max_sessions = max_sessions + 1 WHERE id = $1', [id]);
          await meet();
        }
      });
    await Promise.all([add(ids), add([...ids].reverse())]);
    expect(runs).toBe(3);
    const rows = await database.workerSql((query) =>
      query('SELECT max_sessions FROM tenants WHERE id = ANY ($1)', [ids]),
    );
    expect(rows).toEqual([{ max_sessions: 2 }, { max_sessions: 2 }]);
  });

  it('again and again end with an error that says what is the matter: the database is busy, nothing was done', async () => {
    let runs = 0;
    const work = database.workerSql(async (query) => {
      runs += 1;
      await query(`DO $$ BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END $$`);
    });
    await expect(work).rejects.toMatchObject({
      code: 'service_unavailable',
      outcome: 'not_sent',
      message: 'the database is busy; try again',
    });
    expect(runs).toBe(6);
  });
});
