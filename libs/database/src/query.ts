import type { Writable } from 'node:stream';
import type pg from 'pg';
import { EntityManager } from 'typeorm';

/** A statement with a name is prepared once per connection and then only executed. */
export type Statement = string | { name: string; text: string };

/** Runs one statement in the transaction it was given for; resolves with its rows. */
export type Query = <Row extends pg.QueryResultRow = pg.QueryResultRow>(
  statement: Statement,
  values?: unknown[],
) => Promise<Row[]>;

/**
 * Sends what is asked of a pipelined connection in one turn of the event loop in one write: a transaction's opening and
 * its first statements travel together.
 */
export function gatherWrites(client: pg.PoolClient): void {
  const { stream } = (client as unknown as { connection: { stream: Writable } }).connection;
  if (stream.writableCorked > 0) return;
  stream.cork();
  process.nextTick(() => stream.uncork());
}

/** Statements on one pooled connection. */
export function queryOf(client: pg.PoolClient): Query {
  return async <Row extends pg.QueryResultRow>(statement: Statement, values?: unknown[]): Promise<Row[]> => {
    const text = typeof statement === 'string' ? { text: statement } : statement;
    gatherWrites(client);
    const result = await client.query<Row>({ ...text, values });
    return result.rows;
  };
}

/**
 * One statement that is to go by a GIN or BRIN index: these give bitmaps and nothing else, which the app's connections
 * do without otherwise (see settings.ts). What switches them travels along.
 */
export async function queryByBitmap<Row extends pg.QueryResultRow>(
  query: Query,
  statement: Statement,
  values?: unknown[],
): Promise<Row[]> {
  const [, rows] = await Promise.all([
    query('SET LOCAL enable_bitmapscan = on'),
    query<Row>(statement, values),
    query('SET LOCAL enable_bitmapscan = off'),
  ]);
  return rows;
}

/**
 * From here on, plans of the transaction are made without a look at the values, and so fit the average tenant, session
 * or chat. Of one that is new since the last ANALYZE Postgres would believe that it has a single row, and read all of its
 * rows wherever it comes across it; beside large tenants that lasts for days.
 */
export async function planByAverages(query: Query): Promise<void> {
  await query('SET LOCAL plan_cache_mode = force_generic_plan');
}

/**
 * As `queryOf`, for a transaction of either path, so that a service can take part in both. Always resolves with rows, where
 * EntityManager.query answers UPDATE and DELETE with a pair.
 */
export function asQuery(tx: EntityManager | Query): Query {
  if (!(tx instanceof EntityManager)) return tx;
  const runner = tx.queryRunner;
  if (!runner) throw new TypeError('the EntityManager is not of a transaction');
  return async <Row extends pg.QueryResultRow>(statement: Statement, values?: unknown[]): Promise<Row[]> => {
    const text = typeof statement === 'string' ? statement : statement.text;
    const result = await runner.query(text, values, true);
    return (result.records ?? []) as Row[];
  };
}
