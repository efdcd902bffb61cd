import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAppError, newId } from '#kernel';
import { waitFor } from '../../../test/support/index.js';
import { migratedDatabase, type MigratedDatabase } from '../../../test/support/migrated-database.js';
import { TcpRelay } from '../../../test/support/tcp-relay.js';
import { Database } from './index.js';

let own: MigratedDatabase;
let owner: pg.Client;
let database: Database;
let tenantId: string;
let relay: TcpRelay;
const notices: string[] = [];

beforeAll(async () => {
  own = await migratedDatabase();
  const appUrl = new URL(own.appUrl);
  owner = new pg.Client(own.url);
  await owner.connect();
  relay = await TcpRelay.start(Number(appUrl.port));
  appUrl.port = String(relay.port);
  database = await Database.open({
    url: appUrl.href,
    poolSize: 4,
    connectTimeoutMs: 2_000,
    lockTimeoutMs: 300,
    statementTimeoutMs: 2_000,
    notice: (message) => notices.push(message),
  });
  tenantId = newId('tnt');
  await database.worker((tx) => tx.query(`INSERT INTO tenants (id, name) VALUES ($1, 'A')`, [tenantId]));
});

afterAll(async () => {
  await database?.close();
  await relay?.stop();
  await owner?.end();
  await own?.drop();
});

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

const audit = `INSERT INTO audit_log (tenant_id, id, actor, action) VALUES ($1, $2, 'cli', 'test')`;

describe('a database that goes away', () => {
  it('is a retryable error on every path, and comes back by itself', async () => {
    relay.cut();
    const paths = [
      () => database.tenant(tenantId, (tx) => tx.query('SELECT 1')),
      () => database.worker((tx) => tx.query('SELECT 1')),
      () => database.tenantSql(tenantId, (query) => query('SELECT 1')),
      () => database.workerSql((query) => query('SELECT 1')),
      () => database.ping(),
    ];
    for (const path of paths) {
      const error = await failureOf(path());
      expect(isAppError(error, 'service_unavailable'), String(error)).toBe(true);
      expect(error).toMatchObject({ outcome: 'not_sent' });
    }
    relay.mend();
    for (const path of paths) await path();
  });

  it('in the middle of a transaction leaves nothing and says so', async () => {
    for (const id of ['sql', 'orm']) {
      const cutAfter = async (insert: Promise<unknown>) => {
        await insert;
        relay.cut();
      };
      const work =
        id === 'sql'
          ? database.tenantSql(tenantId, async (query) => {
              await cutAfter(query(audit, [tenantId, id]));
              await query('SELECT 1');
            })
          : database.tenant(tenantId, async (tx) => {
              await cutAfter(tx.query(audit, [tenantId, id]));
              await tx.query('SELECT 1');
            });
      expect(await failureOf(work)).toMatchObject({ code: 'service_unavailable', outcome: 'not_sent' });
      relay.mend();
    }
    const { rows } = await owner.query('SELECT id FROM audit_log');
    expect(rows).toEqual([]);
  });

  it('while committing is honestly of unknown outcome', async () => {
    const work = database.tenantSql(tenantId, async (query) => {
      await query(audit, [tenantId, 'at-commit']);
      // The COMMIT is written after this resolves, onto a connection that breaks at the same moment.
      setImmediate(() => relay.cut());
    });
    const error = await failureOf(work);
    relay.mend();
    if (error !== undefined) expect(error).toMatchObject({ code: 'service_unavailable' });
    const { rows } = await owner.query(`SELECT id FROM audit_log WHERE id = 'at-commit'`);
    const outcome = (error as { outcome?: string } | undefined)?.outcome;
    // Committed rows are never reported as not sent.
    if (rows.length === 1) expect(outcome).not.toBe('not_sent');
    if (outcome === undefined) expect(rows).toHaveLength(1);
  });

  it('does not hold a caller longer than the lock timeout', async () => {
    await owner.query('BEGIN');
    await owner.query('SELECT * FROM tenants WHERE id = $1 FOR UPDATE', [tenantId]);
    try {
      const waiting = database.worker((tx) =>
        tx.query(`UPDATE tenants SET name = 'B' WHERE id = $1`, [tenantId]),
      );
      expect(await failureOf(waiting)).toMatchObject({ code: 'service_unavailable' });
    } finally {
      await owner.query('ROLLBACK');
    }
  });
});

describe('listen', () => {
  it('delivers notifications, survives a cut connection, and tells of the gap', async () => {
    const heard: (string | null)[] = [];
    const stop = await database.listen('test_channel', (payload) => heard.push(payload));
    await owner.query(`SELECT pg_notify('test_channel', 'one')`);
    await waitFor(() => heard.includes('one'), { what: 'the first notification' });
    relay.cut();
    await owner.query(`SELECT pg_notify('test_channel', 'missed')`);
    relay.mend();
    await waitFor(() => heard.includes(null), { what: 'the word that the connection is back' });
    await owner.query(`SELECT pg_notify('test_channel', 'two')`);
    await waitFor(() => heard.includes('two'), { what: 'a notification after the gap' });
    expect(heard).toEqual(['one', null, 'two']);
    expect(notices.filter((notice) => notice.includes('is lost'))).toHaveLength(1);
    expect(notices.filter((notice) => notice.includes('is back'))).toHaveLength(1);
    await stop();
  });

  it('refuses a channel name that would need quoting', async () => {
    await expect(database.listen('a; DROP TABLE x', () => undefined)).rejects.toThrow(TypeError);
  });
});
