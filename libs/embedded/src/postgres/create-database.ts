import { randomBytes } from 'node:crypto';
import pg from 'pg';

const QUERY_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** Any number of our own: makers of one template wait for each other under it. */
const TEMPLATE_LOCK = 7_264_901;

export interface FreshDatabase {
  url: string;
  name: string;
  /** Removes it, ending whatever is still connected. */
  drop(): Promise<void>;
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
  });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function exists(client: pg.Client, name: string): Promise<boolean> {
  const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
  return rowCount === 1;
}

/** Makes a database when it is not there. */
export async function ensureDatabase(adminUrl: string, name: string): Promise<void> {
  await withClient(adminUrl, async (client) => {
    if (!(await exists(client, name))) await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
  });
}

/**
 * A fresh, empty database, or a copy of a template's (well under 100 ms for a schema without data).
 * @param options.template name of a database nobody is connected to, see `ensureTemplate`
 */
export async function createDatabase(
  adminUrl: string,
  options: { name?: string; template?: string } = {},
): Promise<FreshDatabase> {
  const name = options.name ?? `test_${randomBytes(6).toString('hex')}`;
  const template = pg.escapeIdentifier(options.template ?? 'template0');
  await withClient(adminUrl, (client) =>
    client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)} TEMPLATE ${template}`),
  );
  const drop = () =>
    withClient(adminUrl, async (client) => {
      await client.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`);
    });
  return { url: withDatabase(adminUrl, name), name, drop };
}

/**
 * Makes a template database once; later callers, in other processes too, find it there. Prepared under a passing
 * name, so a failed preparation leaves no template.
 * @param prepare fills it (migrations, say) through the given url, and leaves no connection open
 */
export async function ensureTemplate(
  adminUrl: string,
  name: string,
  prepare: (url: string) => Promise<void>,
): Promise<void> {
  await withClient(adminUrl, async (client) => {
    await client.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
    if (await exists(client, name)) return;
    const draft = await createDatabase(adminUrl);
    try {
      await prepare(draft.url);
      await client.query(
        `ALTER DATABASE ${pg.escapeIdentifier(draft.name)} RENAME TO ${pg.escapeIdentifier(name)}`,
      );
    } catch (error) {
      await draft.drop();
      throw error;
    }
  });
}
