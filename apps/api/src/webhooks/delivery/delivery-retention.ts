import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { Database } from '#database';
import { API_CONFIG, type ApiConfig } from '../../config.js';
import { LOGGER } from '../../http/index.js';
import { PURGE_BATCH, TenantPurge } from '../../tenant-purge.js';

const DELETE = {
  name: 'webhook_deliveries_purge',
  text: `DELETE FROM webhook_deliveries d WHERE d.tenant_id = $1 AND d.id IN (
      SELECT id FROM webhook_deliveries WHERE tenant_id = $1 AND ended_at < now() - make_interval(days => $2)
      LIMIT ${String(PURGE_BATCH)} FOR UPDATE SKIP LOCKED) RETURNING 1 AS deleted`,
};

/** Deletes ended deliveries whose days in the log are over. */
@Injectable()
export class DeliveryRetention implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly purge: TenantPurge;

  constructor(
    database: Database,
    @Inject(API_CONFIG) { WEBHOOK_LOG_RETENTION_DAYS }: Pick<ApiConfig, 'WEBHOOK_LOG_RETENTION_DAYS'>,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.purge = new TenantPurge({
      database,
      logger,
      what: 'old webhook deliveries',
      deleteBatch: (query, tenantId) => query(DELETE, [tenantId, WEBHOOK_LOG_RETENTION_DAYS]),
    });
  }

  onApplicationBootstrap(): void {
    this.purge.start();
  }

  onApplicationShutdown(): void {
    this.purge.stop();
  }

  /** Deletes all that are too old; resolves with their number. */
  run(): Promise<number> {
    return this.purge.run();
  }
}
