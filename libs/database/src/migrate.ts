import { createHmac, createHash, pbkdf2Sync, randomBytes } from 'node:crypto';
import pg from 'pg';
import { loadMigrations, type Migration } from './migrations/load-migrations.js';
import { APP_ROLE, WORKER_ROLE } from './settings.js';

export interface MigrateOptions {
  /** Url of the role that owns the tables and may create roles. */
  ownerUrl: string;
  /** Url of the app; its password is given to the role `wagate_app`. */
  appUrl: string;
  /** Longest wait for another process that is migrating; 60 s unless told. */
  lockTimeoutMs?: number;
}

/** Any number, the same for all starters: the advisory lock under which one of them migrates. */
const MIGRATION_LOCK = 7_421_609_301;

/**
 * Brings the database to the newest version: roles first, then each migration that `schema_migrations` does not list,
 * in its own transaction. Safe to be called by several processes at once. Returns the versions it applied.
 * Throws when an applied migration was changed afterwards, or is one that this build does not know, and then changes
 * nothing.
 */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  const migrations = await loadMigrations();
  return withOwner(options, async (client) => {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const missing = missingOf(migrations, await readApplied(client));
    await prepareRoles(client, options.appUrl);
    await client.query(
      `CREATE TABLE IF NOT EXISTS schema_migrations
         (version text PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
    );
    for (const migration of missing) await apply(client, migration);
    return missing.map(({ version }) => version);
  });
}

/**
 * Changes nothing. Throws unless the database is at the version of this build, and says what to do: for programs that
 * only read, which must not migrate an installation that other processes serve.
 */
export async function requireNewestSchema(options: Pick<MigrateOptions, 'ownerUrl'>): Promise<void> {
  const migrations = await loadMigrations();
  const missing = await withOwner(options, async (client) =>
    missingOf(migrations, await readApplied(client)),
  );
  const newest = missing.at(-1)?.version;
  if (newest === undefined) return;
  throw new Error(
    `the database is not at schema version ${newest}, which this build of wagate needs; start its api, which migrates the database`,
  );
}

async function withOwner<T>(
  { ownerUrl, lockTimeoutMs = 60_000 }: Pick<MigrateOptions, 'ownerUrl' | 'lockTimeoutMs'>,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    connectionString: ownerUrl,
    application_name: 'wagate-migrate',
    connectionTimeoutMillis: 10_000,
    lock_timeout: lockTimeoutMs,
    keepAlive: true,
  });
  // A connection that breaks rejects the running query too; unheard, this event would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Checksums of the migrations that were applied, by version. */
async function readApplied(client: pg.Client): Promise<Map<string, string>> {
  const { rows: tables } = await client.query(`SELECT WHERE to_regclass('schema_migrations') IS NOT NULL`);
  if (tables.length === 0) return new Map();
  const { rows } = await client.query<{ version: string; checksum: string }>(
    'SELECT version, checksum FROM schema_migrations',
  );
  return new Map(rows.map(({ version, checksum }) => [version, checksum]));
}

function missingOf(migrations: readonly Migration[], applied: ReadonlyMap<string, string>): Migration[] {
  const known = new Set(migrations.map(({ version }) => version));
  const unknown = [...applied.keys()].filter((version) => !known.has(version)).sort();
  if (unknown.length > 0) {
    throw new Error(
      `the database has schema version ${String(unknown.at(-1))}, which this build of wagate does not know (its newest is ` +
        `${String(migrations.at(-1)?.version)}): a newer one was here. Run that one, or restore a backup from before it`,
    );
  }
  for (const { version, name, checksum } of migrations) {
    if (applied.has(version) && applied.get(version) !== checksum)
      throw new Error(`migration ${version}-${name} was changed after it was applied`);
  }
  return migrations.filter(({ version }) => !applied.has(version));
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(migration.sql);
    await client.query('INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)', [
      migration.version,
      migration.name,
      migration.checksum,
    ]);
    await client.query('COMMIT');
  } catch (cause) {
    await client.query('ROLLBACK');
    throw new Error(`migration ${migration.version}-${migration.name} failed`, { cause });
  }
}

/**
 * Roles belong to the whole cluster, not to a database: they may exist already, and starters of other databases may be
 * at it at the same moment, which the advisory lock (one per database) does not hold apart. Hence create-if-absent,
 * and a second try when two change a role at once.
 */
async function prepareRoles(client: pg.Client, appUrl: string): Promise<void> {
  const { username, password } = new URL(appUrl);
  if (decodeURIComponent(username) !== APP_ROLE) {
    throw new Error(`DATABASE_URL must log in as ${APP_ROLE}`);
  }
  const verifier = scramVerifier(decodeURIComponent(password));
  const statements = [
    createRole(WORKER_ROLE, 'NOLOGIN'),
    createRole(APP_ROLE, 'LOGIN'),
    `ALTER ROLE ${APP_ROLE} LOGIN PASSWORD '${verifier}'`,
    `GRANT ${WORKER_ROLE} TO ${APP_ROLE} WITH INHERIT FALSE, SET TRUE`,
    `GRANT USAGE ON SCHEMA public TO ${APP_ROLE}, ${WORKER_ROLE}`,
  ];
  for (const statement of statements) await retryConcurrent(client, statement);
}

function createRole(name: string, login: 'LOGIN' | 'NOLOGIN'): string {
  return `DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${name}') THEN CREATE ROLE ${name} ${login} NOBYPASSRLS; END IF;
  EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
  END $$`;
}

/** "tuple concurrently updated" comes as XX000: another database's starter changed the same role just now. */
async function retryConcurrent(client: pg.Client, statement: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.query(statement);
      return;
    } catch (error) {
      const concurrent = error instanceof Error && /concurrently|duplicate key/.test(error.message);
      if (!concurrent || attempt === 20) throw error;
    }
  }
}

/**
 * The password as Postgres stores it (RFC 5803, `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`), so that
 * the plain one is not written to the server's log.
 */
function scramVerifier(password: string): string {
  const iterations = 4096;
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, iterations, 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest('base64');
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
