import type pg from 'pg';
import { DataSource, type EntityManager, type QueryRunner } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import { tenantIdSchema } from '#contracts';
import { setTimeout as delay } from 'node:timers/promises';
import { backoff, withDeadline, type Outcome } from '#kernel';
import { ENTITIES } from './entities/index.js';
import { isRolledBack, translateDatabaseError } from './errors.js';
import { DatabaseListener, type NotificationHandler } from './listener.js';
import { gatherWrites, queryOf, type Query } from './query.js';
import { connectionConfig, WORKER_ROLE, type DatabaseSettings } from './settings.js';

/**
 * The only way to the database. Every unit of work is a transaction that sees either one tenant's rows (row level
 * security, `tenant…`) or, for workers and administrators, those of every tenant (`worker…`). Work is rolled back
 * when it throws. A transaction that Postgres rolled back because of others (a deadlock) is repeated a few times, so
 * work may run more than once and changes nothing but the database. A database that is away gives AppError
 * `service_unavailable`, whose `outcome` is `unknown` when the connection was lost during the commit and `not_sent`
 * before it.
 */
export class Database {
  private readonly listener: DatabaseListener;
  private repeats = 0;

  constructor(
    private readonly dataSource: DataSource,
    settings: DatabaseSettings,
  ) {
    this.listener = new DatabaseListener(settings);
  }

  static async open(settings: DatabaseSettings): Promise<Database> {
    const dataSource = new DataSource(dataSourceOptions(settings));
    await dataSource.initialize();
    return new Database(dataSource, settings);
  }

  /** A transaction that sees the rows of one tenant. */
  tenant<T>(tenantId: string, work: (tx: EntityManager) => Promise<T>): Promise<T> {
    const opening = setTenant(tenantId);
    return this.repeated(() => this.transaction(opening, work));
  }

  /** A transaction that sees the rows of every tenant, in the tables that workers need. */
  worker<T>(work: (tx: EntityManager) => Promise<T>): Promise<T> {
    return this.repeated(() => this.transaction(SET_WORKER, work));
  }

  /** As `tenant`, for hot statements: opened in one round trip, or none when the first statement follows at once. */
  tenantSql<T>(tenantId: string, work: (query: Query) => Promise<T>): Promise<T> {
    const opening = setTenant(tenantId);
    return this.repeated(() => this.sqlTransaction(opening, work));
  }

  /** As `worker`, for hot statements. */
  workerSql<T>(work: (query: Query) => Promise<T>): Promise<T> {
    return this.repeated(() => this.sqlTransaction(SET_WORKER, work));
  }

  /**
   * Calls `handler` with the payload of each notification on `channel`, and with null whenever the connection was
   * lost and is back: notifications may have been missed, so look at the tables. Resolves with the way to stop.
   */
  listen(channel: string, handler: NotificationHandler): Promise<() => Promise<void>> {
    return this.listener.listen(channel, handler);
  }

  /** Asks the database for a sign of life; throws AppError `service_unavailable` when there is none in `timeoutMs`. */
  async ping(timeoutMs = 2_000): Promise<void> {
    try {
      await withDeadline(this.pool().query('SELECT 1'), timeoutMs, 'the database');
    } catch (error) {
      throw translateDatabaseError(error, 'not_sent');
    }
  }

  /** How busy the pool is: for metrics. */
  poolState(): { total: number; idle: number; waiting: number } {
    const { totalCount, idleCount, waitingCount } = this.pool();
    return { total: totalCount, idle: idleCount, waiting: waitingCount };
  }

  /** Transactions that were repeated since the start. One that rises tells of locks that are taken in different orders. */
  get repeatCount(): number {
    return this.repeats;
  }

  async close(): Promise<void> {
    await this.listener.close();
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }

  /** Postgres says that it rolled back, so nothing of the transaction is there and it may simply run again. */
  private async repeated<T>(transaction: () => Promise<T>): Promise<T> {
    for (let repeats = 0; ; repeats += 1) {
      try {
        return await transaction();
      } catch (error) {
        if (repeats === MOST_REPEATS || !isRolledBack(error)) throw error;
        this.repeats += 1;
        await delay(backoff(repeats, REPEAT));
      }
    }
  }

  private async transaction<T>(opening: string, work: (tx: EntityManager) => Promise<T>): Promise<T> {
    const runner = this.dataSource.createQueryRunner();
    let outcome: Outcome = 'not_sent';
    try {
      const client = (await runner.connect()) as pg.PoolClient;
      await runner.startTransaction();
      await runner.query(opening);
      const result = await work(runner.manager);
      outcome = 'unknown';
      await committed(client, () => runner.commitTransaction());
      return result;
    } catch (error) {
      await rollBack(runner);
      throw translateDatabaseError(error, outcome);
    } finally {
      await runner.release();
    }
  }

  private async sqlTransaction<T>(opening: string, work: (query: Query) => Promise<T>): Promise<T> {
    let outcome: Outcome = 'not_sent';
    let client: pg.PoolClient | undefined;
    let broken = false;
    try {
      client = await this.pool().connect();
      client.on('error', ignoreEvent);
      gatherWrites(client);
      const opened = client.query(`BEGIN; ${opening}`);
      // Awaited before the commit; until then a failure shows in the work's own statements too.
      opened.catch(() => undefined);
      const result = await work(queryOf(client));
      await opened;
      outcome = 'unknown';
      const connection = client;
      await committed(client, () => connection.query('COMMIT'));
      return result;
    } catch (error) {
      broken = client !== undefined && !(await client.query('ROLLBACK').then(isDone, isNotDone));
      throw translateDatabaseError(error, outcome);
    } finally {
      client?.off('error', ignoreEvent);
      client?.release(broken);
    }
  }

  private pool(): pg.Pool {
    return (this.dataSource.driver as PostgresDriver).master as pg.Pool;
  }
}

/** Repetitions of one transaction that was rolled back because of others, and the waits before them. */
const MOST_REPEATS = 5;
const REPEAT = { baseMs: 20, maxMs: 500 };

/** Options of the one data source; exported for the module that lets Nest open and close it. */
export function dataSourceOptions(settings: DatabaseSettings) {
  const { connectionString, ...extra } = connectionConfig(settings);
  return {
    type: 'postgres' as const,
    url: connectionString,
    entities: [...ENTITIES],
    synchronize: false,
    logging: false as const,
    installExtensions: false,
    poolSize: settings.poolSize ?? 20,
    // pg pipelining: a statement is written without waiting for the answer to the one before.
    extra: { ...extra, pipeline: true },
    // An idle connection that breaks leaves the pool by itself; whoever needs one next gets a new one or an error.
    poolErrorHandler: () => undefined,
  };
}

const SET_WORKER = `SET LOCAL ROLE ${WORKER_ROLE}`;

/** SET takes no parameters, so the id is checked against its pattern before it goes into the statement. */
function setTenant(tenantId: string): string {
  return `SET LOCAL app.tenant_id = '${tenantIdSchema.parse(tenantId)}'`;
}

/** COMMIT of a transaction in which a statement failed is a silent ROLLBACK: whoever swallowed that error is told. */
async function committed(client: pg.PoolClient, commit: () => Promise<unknown>): Promise<void> {
  let tag: string | undefined;
  const note = (message: { text: string }) => (tag = message.text);
  client.connection.on('commandComplete', note);
  try {
    await commit();
  } finally {
    client.connection.off('commandComplete', note);
  }
  if (tag === 'ROLLBACK')
    throw new Error('a statement of this transaction failed and its error was not passed on');
}

/** After a lost connection there is nothing to roll back, and its failure would hide the first error. */
async function rollBack(runner: QueryRunner): Promise<void> {
  if (runner.isTransactionActive) await runner.rollbackTransaction().then(isDone, isNotDone);
}

/** A connection that breaks also fails the statement on it, which is what is heard; unheard, the event ends the process. */
const ignoreEvent = (): void => undefined;

const isDone = (): boolean => true;
const isNotDone = (): boolean => false;
