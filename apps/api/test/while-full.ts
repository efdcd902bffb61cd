import pg from 'pg';

/**
 * While the work is at it, the database refuses every change of an attempt of these sessions, as if its disk were full.
 * @param ownerUrl of whoever owns the tables
 */
export async function whileFull(
  ownerUrl: string,
  sessions: readonly string[],
  work: () => Promise<void>,
): Promise<void> {
  const owner = new pg.Client({
    connectionString: ownerUrl,
    connectionTimeoutMillis: 10_000,
    query_timeout: 60_000,
  });
  await owner.connect();
  const ids = sessions.map((session) => owner.escapeLiteral(session)).join(', ');
  try {
    await owner.query(`CREATE FUNCTION refuse_as_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'full, says the test' USING ERRCODE = 'disk_full'; END $$;
      CREATE TRIGGER refuse_as_full BEFORE UPDATE ON message_attempts
        FOR EACH ROW WHEN (NEW.session_id IN (${ids})) EXECUTE FUNCTION refuse_as_full()`);
    await work().finally(() => owner.query('DROP FUNCTION refuse_as_full CASCADE'));
  } finally {
    await owner.end();
  }
}
