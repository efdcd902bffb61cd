import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { Database } from '#database';
import { LOGGER } from '../http/logger.js';
import { PURGE_BATCH, TenantPurge } from '../tenant-purge.js';

const DELETE = {
  name: 'idempotency_purge',
  text: `DELETE FROM idempotency_keys WHERE tenant_id = $1 AND (operation, key) IN (
      SELECT operation, key FROM idempotency_keys WHERE tenant_id = $1 AND expires_at <= now()
      LIMIT ${String(PURGE_BATCH)} FOR UPDATE SKIP LOCKED) RETURNING 1 AS deleted`,
};

/** Deletes idempotency keys whose seven days are over. */
@Injectable()
export class IdempotencyPurge implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly keys: TenantPurge;

  constructor(database: Database, @Inject(LOGGER) logger: Logger) {
    this.keys = new TenantPurge({
      database,
      logger,
      what: 'expired idempotency keys',
      deleteBatch: (query, tenantId) => query(DELETE, [tenantId]),
    });
  }

  onApplicationBootstrap(): void {
    this.keys.start();
  }

  onApplicationShutdown(): void {
    this.keys.stop();
  }

  /** Deletes all that have expired; resolves with their number. */
  purge(): Promise<number> {
    return this.keys.run();
  }
}
