import type { Logger } from 'pino';
import type { Database, Query } from '#database';

const EVERY_MS = 10 * 60_000;

/** Rows that one transaction deletes at most. */
export const PURGE_BATCH = 1_000;

export interface TenantPurgeParts {
  database: Database;
  logger: Logger;
  /** What is deleted, for the log: `old events`. */
  what: string;
  /** Deletes at most `PURGE_BATCH` rows of a tenant and answers one row for each. */
  deleteBatch: (query: Query, tenantId: string) => Promise<unknown[]>;
}

/**
 * Deletes what is too old, tenant by tenant, in short transactions, every ten minutes. Every api process does; as the
 * statements skip or wait for rows that another one deletes, they do not disturb each other.
 */
export class TenantPurge {
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly parts: TenantPurgeParts) {}

  start(): void {
    this.timer = setInterval(() => {
      this.run().catch((error: unknown) =>
        this.parts.logger.warn({ err: error }, `${this.parts.what} were not deleted`),
      );
    }, EVERY_MS);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Deletes all that is too old; resolves with the number of rows. */
  async run(): Promise<number> {
    const { database, deleteBatch } = this.parts;
    const tenants = await database.workerSql((query) =>
      query<{ id: string }>('SELECT id FROM tenants ORDER BY id'),
    );
    let deleted = 0;
    for (const { id } of tenants) {
      for (let last = PURGE_BATCH; last === PURGE_BATCH; deleted += last) {
        last = (await database.tenantSql(id, (query) => deleteBatch(query, id))).length;
      }
    }
    return deleted;
  }
}
