import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migratedDatabase, type MigratedDatabase } from '../../../test/support/migrated-database.js';

let own: MigratedDatabase;
let owner: pg.Client;

beforeAll(async () => {
  own = await migratedDatabase();
  owner = new pg.Client(own.url);
  await owner.connect();
});

afterAll(async () => {
  await owner?.end();
  await own?.drop();
});

const TENANT_TABLES = `SELECT c.oid, c.relname FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND (c.relname = 'tenants' OR EXISTS (
    SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped))`;

async function offenders(sql: string): Promise<string[]> {
  const { rows } = await owner.query<{ offender: string }>(sql);
  return rows.map((row) => row.offender);
}

describe('the schema', () => {
  it('has tenant tables to be checked', async () => {
    const { rows } = await owner.query<{ relname: string }>(TENANT_TABLES);
    expect(rows.map((row) => row.relname)).toEqual(
      expect.arrayContaining(['tenants', 'api_keys', 'usage_daily']),
    );
  });

  it('forces row security on every table of tenants', async () => {
    expect(
      await offenders(`SELECT t.relname AS offender FROM (${TENANT_TABLES}) t JOIN pg_class c ON c.oid = t.oid
        WHERE NOT (c.relrowsecurity AND c.relforcerowsecurity)`),
    ).toEqual([]);
  });

  it('gives the app role exactly one policy per table, bound to the tenant of the transaction', async () => {
    expect(
      await offenders(`SELECT t.relname AS offender FROM (${TENANT_TABLES}) t WHERE (
        SELECT count(*) FROM pg_policies p WHERE p.tablename = t.relname AND 'wagate_app' = ANY (p.roles)
          AND p.qual LIKE '%current_setting(''app.tenant_id''::text, true)%') <> 1 OR EXISTS (
        SELECT FROM pg_policies p WHERE p.tablename = t.relname AND p.roles && '{wagate_app,public}'::name[]
          AND p.policyname <> 'tenant_rows')`),
    ).toEqual([]);
  });

  it('begins every primary key and unique index of a tenant table with the tenant', async () => {
    expect(
      await offenders(`SELECT i.indexrelid::regclass::text AS offender FROM (${TENANT_TABLES}) t
        JOIN pg_index i ON i.indrelid = t.oid
        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
        WHERE i.indisunique AND a.attname <> 'tenant_id' AND t.relname <> 'tenants' ORDER BY 1`),
    ).toEqual(['api_keys_public_id']);
  });

  it('gives every table a primary key', async () => {
    expect(
      await offenders(`SELECT c.relname AS offender FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
          AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)`),
    ).toEqual([]);
  });

  it('keeps foreign keys between tenant tables within a tenant', async () => {
    expect(
      await offenders(`SELECT k.conname AS offender FROM pg_constraint k JOIN (${TENANT_TABLES}) t ON t.oid = k.conrelid
        JOIN (${TENANT_TABLES}) f ON f.oid = k.confrelid
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
        WHERE k.contype = 'f' AND a.attname <> 'tenant_id'`),
    ).toEqual([]);
  });

  it('gives the roles no way around: no ownership, no superuser, no bypass, no default grants', async () => {
    const { rows } = await owner.query(
      `SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolcanlogin FROM pg_roles
       WHERE rolname IN ('wagate_app', 'wagate_worker') ORDER BY 1`,
    );
    const nothing = { rolsuper: false, rolbypassrls: false, rolcreaterole: false, rolcreatedb: false };
    expect(rows).toEqual([
      { rolname: 'wagate_app', ...nothing, rolcanlogin: true },
      { rolname: 'wagate_worker', ...nothing, rolcanlogin: false },
    ]);
    expect(
      await offenders(`SELECT relname AS offender FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND relowner IN ('wagate_app'::regrole, 'wagate_worker'::regrole)`),
    ).toEqual([]);
    expect(
      await offenders(`SELECT table_name || ' ' || privilege_type AS offender FROM information_schema.role_table_grants
        WHERE table_schema = 'public' AND grantee = 'PUBLIC'`),
    ).toEqual([]);
  });

  it('does not let the audit log be rewritten', async () => {
    expect(
      await offenders(`SELECT grantee || ' ' || privilege_type AS offender FROM information_schema.role_table_grants
        WHERE table_name = 'audit_log' AND grantee LIKE 'wagate%' AND privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE')`),
    ).toEqual([]);
  });
});
