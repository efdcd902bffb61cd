import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FreshDatabase } from '#embedded';
import { newId } from '#kernel';
import { appUrlOf } from '../../../test/support/app-url.js';
import { freshDatabase } from '../../../test/support/index.js';
import { Database, isUniqueViolation, migrate, requireNewestSchema } from './index.js';

let own: FreshDatabase;
let ownerUrl: string;
let appUrl: string;
let database: Database;

beforeAll(async () => {
  own = await freshDatabase();
  ownerUrl = own.url;
  appUrl = appUrlOf(ownerUrl);
  await migrate({ ownerUrl, appUrl });
  database = await Database.open({ url: appUrl, poolSize: 8 });
});

afterAll(async () => {
  await database?.close();
  await own?.drop();
});

async function newTenant(name: string): Promise<string> {
  const id = newId('tnt');
  await database.worker((tx) => tx.query('INSERT INTO tenants (id, name) VALUES ($1, $2)', [id, name]));
  return id;
}

describe('migrate', () => {
  it('applies each migration once, also when several processes start at the same moment', async () => {
    const fresh = await freshDatabase();
    const starters = Array.from({ length: 5 }, () =>
      migrate({ ownerUrl: fresh.url, appUrl: appUrlOf(fresh.url) }),
    );
    const applied = (await Promise.all(starters)).filter((versions) => versions.length > 0);
    expect(applied).toHaveLength(1);
    expect(applied[0]?.[0]).toBe('0001');
    await fresh.drop();
  });

  it('is safe while other databases of the cluster are migrated too', async () => {
    const databases = await Promise.all([1, 2, 3, 4].map(() => freshDatabase()));
    await Promise.all(databases.map(({ url }) => migrate({ ownerUrl: url, appUrl: appUrlOf(url) })));
    await Promise.all(databases.map((fresh) => fresh.drop()));
  });

  it('refuses a database whose applied migration reads differently now', async () => {
    const fresh = await freshDatabase();
    await migrate({ ownerUrl: fresh.url, appUrl: appUrlOf(fresh.url) });
    const owner = new pg.Client(fresh.url);
    await owner.connect();
    await owner.query(`UPDATE schema_migrations SET checksum = 'other' WHERE version = '0001'`);
    await owner.end();
    await expect(migrate({ ownerUrl: fresh.url, appUrl: appUrlOf(fresh.url) })).rejects.toThrow(
      /0001.*changed/,
    );
    await fresh.drop();
  });

  it('refuses a database that a newer build migrated, before it looks at roles', async () => {
    const fresh = await freshDatabase();
    const owner = new pg.Client(fresh.url);
    await owner.connect();
    try {
      const urls = { ownerUrl: fresh.url, appUrl: appUrlOf(fresh.url) };
      const [newest] = (await migrate(urls)).slice(-1);
      await owner.query(`INSERT INTO schema_migrations (version, name, checksum) VALUES ('9001', 'x', 'y')`);
      // Of a migration that is there but missing, too: what a newer build left is not known.
      await owner.query(`DELETE FROM schema_migrations WHERE version = $1`, [newest]);
      const isUnknown = /version 9001, which this build of wagate does not know/;
      await expect(migrate({ ...urls, appUrl: 'postgres://somebody@x/y' })).rejects.toThrow(isUnknown);
      await expect(requireNewestSchema(urls)).rejects.toThrow(isUnknown);
      const { rows } = await owner.query('SELECT FROM schema_migrations WHERE version = $1', [newest]);
      expect(rows).toEqual([]);
    } finally {
      await owner.end();
      await fresh.drop();
    }
  });

  it('is required, and not done, by who only reads', async () => {
    const fresh = await freshDatabase();
    const owner = new pg.Client(fresh.url);
    await owner.connect();
    try {
      const required = () => requireNewestSchema({ ownerUrl: fresh.url });
      await expect(required()).rejects.toThrow(/not at schema version \d{4}.*start its api/);
      const tables = await owner.query(`SELECT FROM pg_tables WHERE schemaname = 'public'`);
      expect(tables.rows).toEqual([]);
      await migrate({ ownerUrl: fresh.url, appUrl: appUrlOf(fresh.url) });
      await required();
    } finally {
      await owner.end();
      await fresh.drop();
    }
  });

  it('refuses an app url of another role', async () => {
    await expect(migrate({ ownerUrl, appUrl: ownerUrl })).rejects.toThrow('wagate_app');
  });
});

describe('plans', () => {
  it('lead to rows by an index also in a table that is small and without statistics, as it may grow', async () => {
    const ids = await Promise.all(['C', 'D'].map(newTenant));
    const plan = await database.workerSql((query) =>
      query<{ 'QUERY PLAN': string }>(
        `EXPLAIN UPDATE tenants t SET name = r.name FROM jsonb_to_recordset($1::jsonb) AS r(id text, name text)
         WHERE t.id = r.id`,
        [JSON.stringify(ids.map((id) => ({ id, name: 'E' })))],
      ),
    );
    const text = plan.map((row) => row['QUERY PLAN']).join('\n');
    expect(text).toContain('Index Scan using tenants_pkey');
    expect(text).not.toContain('Seq Scan');
  });
});

describe('tenant isolation', () => {
  it('shows a tenant its own row and no other, and nothing without a tenant', async () => {
    const [a, b] = [await newTenant('A'), await newTenant('B')];
    expect(await database.tenant(a, (tx) => tx.query('SELECT id FROM tenants'))).toEqual([{ id: a }]);
    expect(await database.tenantSql(b, (query) => query('SELECT id FROM tenants'))).toEqual([{ id: b }]);
    const outside = new pg.Client(appUrl);
    await outside.connect();
    expect((await outside.query('SELECT id FROM tenants')).rows).toEqual([]);
    await outside.end();
  });

  it('does not let a tenant write a row of another', async () => {
    const [a, b] = [await newTenant('A'), await newTenant('B')];
    const write = database.tenantSql(a, (query) =>
      query(`INSERT INTO audit_log (tenant_id, id, actor, action) VALUES ($1, 'x', 'cli', 'test')`, [b]),
    );
    await expect(write).rejects.toThrow('row-level security');
  });

  it('refuses a tenant id that is not one, before the database sees it', async () => {
    for (const id of ['', "x'; DROP TABLE tenants; --", 'ses_00000000000000000000000000']) {
      expect(() => database.tenantSql(id, (query) => query('SELECT 1'))).toThrow();
    }
  });

  it('leaves neither tenant nor role behind on a pooled connection', async () => {
    const a = await newTenant('A');
    await database.tenant(a, (tx) => tx.query('SELECT 1'));
    await database.worker((tx) => tx.query('SELECT 1'));
    const rows = await Promise.all(
      Array.from({ length: 8 }, () =>
        database.tenantSql(a, (query) =>
          query('SELECT current_user AS role, count(*)::int AS n FROM tenants'),
        ),
      ),
    );
    for (const [row] of rows) expect(row).toEqual({ role: 'wagate_app', n: 1 });
  });

  it('gives a worker the rows of every tenant', async () => {
    const [a, b] = [await newTenant('A'), await newTenant('B')];
    const rows = await database.workerSql((query) => query<{ id: string }>('SELECT id FROM tenants'));
    expect(rows.map((row) => row.id)).toEqual(expect.arrayContaining([a, b]));
  });
});

describe('transactions', () => {
  it('roll back when the work throws, on both paths', async () => {
    const a = await newTenant('A');
    const insert = `INSERT INTO audit_log (tenant_id, id, actor, action) VALUES ($1, $2, 'cli', 'test')`;
    const boom = new Error('boom');
    await expect(
      database.tenant(a, async (tx) => {
        await tx.query(insert, [a, 'one']);
        throw boom;
      }),
    ).rejects.toBe(boom);
    await expect(
      database.tenantSql(a, async (query) => {
        await query(insert, [a, 'two']);
        throw boom;
      }),
    ).rejects.toBe(boom);
    expect(await database.tenant(a, (tx) => tx.query('SELECT id FROM audit_log'))).toEqual([]);
  });

  it('never report a commit that was a rollback because a failed statement went unheard', async () => {
    const a = await newTenant('A');
    const swallow = (run: () => Promise<unknown>) => run().catch(() => undefined);
    await expect(database.tenantSql(a, (query) => swallow(() => query('SELECT 1/0')))).rejects.toThrow(
      'not passed on',
    );
    await expect(database.tenant(a, (tx) => swallow(() => tx.query('SELECT 1/0')))).rejects.toThrow(
      'not passed on',
    );
  });

  it('name the unique constraint that was violated', async () => {
    const a = await newTenant('A');
    const again = database.worker((tx) =>
      tx.query(`INSERT INTO tenants (id, name) VALUES ($1, 'again')`, [a]),
    );
    const error: unknown = await again.catch((caught: unknown) => caught);
    expect(isUniqueViolation(error, 'tenants_pkey')).toBe(true);
    expect(isUniqueViolation(error, 'api_keys_public_id')).toBe(false);
  });
});

describe('a connection', () => {
  it('is given up by the server after 25 s of silence, not after two hours', async () => {
    const names = [
      'tcp_keepalives_idle',
      'tcp_keepalives_interval',
      'tcp_keepalives_count',
      'tcp_user_timeout',
    ];
    const shown = await database.workerSql((query) =>
      query<{ name: string; setting: string }>(
        'SELECT name, setting FROM pg_settings WHERE name = ANY ($1)',
        [names],
      ),
    );
    expect(Object.fromEntries(shown.map(({ name, setting }) => [name, Number(setting)]))).toEqual({
      tcp_keepalives_idle: 10,
      tcp_keepalives_interval: 5,
      tcp_keepalives_count: 3,
      tcp_user_timeout: 25_000,
    });
  });
});
