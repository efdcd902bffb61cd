import pg from 'pg';

/** Whatever the tables hold by now, Postgres knows of it, as it does of itself within minutes. */
export async function analyze(url: string): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    query_timeout: 60_000,
  });
  await client.connect();
  await client.query('ANALYZE').finally(() => client.end());
}
