import { existsSync } from 'node:fs';
import { mkdir, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../../test/support/index.js';
import { createDatabase, ensureTemplate, startPostgres } from '../index.js';

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('embedded Postgres', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await temporaryFolder('wagate-postgres-');
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('keeps data over a stop and hands out an owner url', async () => {
    const dataDir = join(folder, 'keeps');
    const first = await startPostgres({ dataDir, database: 'wagate' });
    await query(first.url, 'CREATE TABLE notes (body text)');
    await query(first.url, `INSERT INTO notes VALUES ('kept')`);
    await first.stop();
    const second = await startPostgres({ dataDir, database: 'wagate' });
    expect(await query(second.url, 'SELECT body FROM notes')).toEqual([{ body: 'kept' }]);
    const [settings] = await query(
      second.url,
      `SELECT current_setting('fsync') AS fsync, version() AS version`,
    );
    expect(settings).toMatchObject({
      fsync: 'on',
      version: expect.stringContaining('PostgreSQL 18') as unknown,
    });
    await second.stop({ remove: true });
  });

  it('works below a folder that nobody else may enter, and leaves nothing when removed', async () => {
    const closed = join(folder, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const dataDir = join(closed, 'postgres');
    const first = await startPostgres({ dataDir, durable: false });
    await query(first.url, 'CREATE TABLE kept (id int)');
    await first.stop();
    const second = await startPostgres({ dataDir, durable: false });
    expect(await query(second.url, 'SELECT * FROM kept')).toEqual([]);
    const cluster = await realpath(join(dataDir, 'cluster'));
    await second.stop({ remove: true });
    expect([existsSync(cluster), existsSync(dataDir)]).toEqual([false, false]);
  });

  it('refuses a wrong password and a second start on the same data', async () => {
    const dataDir = join(folder, 'guards');
    const server = await startPostgres({ dataDir, durable: false });
    const wrong = new URL(server.url);
    wrong.password = 'guess';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
    await expect(startPostgres({ dataDir })).rejects.toThrow(/is in use by process/);
    await server.stop({ remove: true });
  });

  it('gives each caller a database of its own, from a template in a moment', async () => {
    const dataDir = join(folder, 'template');
    const server = await startPostgres({ dataDir, durable: false });
    let prepared = 0;
    const prepare = async (url: string) => {
      prepared += 1;
      await query(url, 'CREATE TABLE things (id int)');
    };
    await Promise.all([
      ensureTemplate(server.url, 'ready', prepare),
      ensureTemplate(server.url, 'ready', prepare),
    ]);
    expect(prepared).toBe(1);
    const first = await createDatabase(server.url, { template: 'ready' });
    const second = await createDatabase(server.url, { template: 'ready' });
    await query(first.url, 'INSERT INTO things VALUES (1)');
    expect(await query(second.url, 'SELECT * FROM things')).toEqual([]);
    await first.drop();
    await expect(query(first.url, 'SELECT 1')).rejects.toThrow(/does not exist/);
    await server.stop({ remove: true });
  });
});
