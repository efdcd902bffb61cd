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
/** What was delivered to webhooks that are deleted, whether it ended or not. */
const DELETE_LEFT = {
  name: 'webhook_deliveries_left',
  text: `DELETE FROM webhook_deliveries d WHERE d.tenant_id = $1 AND d.id IN (
      SELECT d.id FROM webhooks w JOIN webhook_deliveries d ON d.tenant_id = w.tenant_id AND d.webhook_id = w.id
      WHERE w.tenant_id = $1 AND w.deleted_at IS NOT NULL
      LIMIT ${String(PURGE_BATCH)} FOR UPDATE OF d SKIP LOCKED) RETURNING 1 AS deleted`,
};
const DELETE_WEBHOOKS = {
  name: 'webhooks_purge',
  text: `DELETE FROM webhooks w WHERE w.tenant_id = $1 AND w.deleted_at IS NOT NULL AND NOT EXISTS (
      SELECT FROM webhook_deliveries d WHERE d.tenant_id = w.tenant_id AND d.webhook_id = w.id)`,
};

/** Deletes ended deliveries whose days in the log are over, and what deleted webhooks left. */
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
      deleteBatch: async (query, tenantId) => {
        const old = await query(DELETE, [tenantId, WEBHOOK_LOG_RETENTION_DAYS]);
        if (old.length > 0) return old;
        const left = await query(DELETE_LEFT, [tenantId]);
        await query(DELETE_WEBHOOKS, [tenantId]);
        return left;
      },
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
