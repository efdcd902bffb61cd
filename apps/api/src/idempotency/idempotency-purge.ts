import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { Database } from '#database';
import { LOGGER } from '../http/logger.js';

const EVERY_MS = 10 * 60_000;
const BATCH = 1_000;

/** Deletes idempotency keys whose seven days are over. Every api process does; they do not disturb each other. */
@Injectable()
export class IdempotencyPurge implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly database: Database,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.purge().catch((error: unknown) => this.logger.warn({ err: error }, 'idempotency keys not purged'));
    }, EVERY_MS);
    this.timer.unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** Deletes all that have expired, in short transactions; resolves with their number. */
  async purge(): Promise<number> {
    const tenants = await this.database.workerSql((query) =>
      query<{ id: string }>('SELECT id FROM tenants ORDER BY id'),
    );
    let purged = 0;
    for (const { id } of tenants) {
      for (let last = BATCH; last === BATCH; purged += last) last = await this.purgeBatch(id);
    }
    return purged;
  }

  private async purgeBatch(tenantId: string): Promise<number> {
    const rows = await this.database.tenantSql(tenantId, (query) =>
      query(
        `DELETE FROM idempotency_keys WHERE tenant_id = $1 AND (operation, key) IN (
           SELECT operation, key FROM idempotency_keys WHERE tenant_id = $1 AND expires_at <= now() LIMIT ${BATCH}
           FOR UPDATE SKIP LOCKED) RETURNING 1 AS purged`,
        [tenantId],
      ),
    );
    return rows.length;
  }
}
