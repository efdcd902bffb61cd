import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { Database } from '#database';
import { API_CONFIG, type ApiConfig } from '../config.js';
import { LOGGER } from '../http/index.js';
import { PURGE_BATCH, TenantPurge } from '../tenant-purge.js';

/** The oldest first and up to the first one that is kept: what is left has no gap. */
const PURGE = {
  name: 'events_purge',
  text: `WITH oldest AS (
      SELECT e.id, e.seq, e.created_at FROM events e WHERE e.tenant_id = $1 AND e.seq IS NOT NULL
      ORDER BY e.seq LIMIT ${String(PURGE_BATCH)}
    ), kept AS (
      SELECT min(o.seq) AS seq FROM oldest o WHERE o.created_at >= now() - make_interval(days => $2)
    )
    DELETE FROM events e USING oldest o, kept
    WHERE e.tenant_id = $1 AND e.id = o.id AND (kept.seq IS NULL OR o.seq < kept.seq) RETURNING 1 AS purged`,
};

/** Deletes events whose days are over. */
@Injectable()
export class EventRetention implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly events: TenantPurge;

  constructor(
    database: Database,
    @Inject(API_CONFIG) { EVENT_RETENTION_DAYS }: Pick<ApiConfig, 'EVENT_RETENTION_DAYS'>,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.events = new TenantPurge({
      database,
      logger,
      what: 'old events',
      deleteBatch: (query, tenantId) => query(PURGE, [tenantId, EVENT_RETENTION_DAYS]),
    });
  }

  onApplicationBootstrap(): void {
    this.events.start();
  }

  onApplicationShutdown(): void {
    this.events.stop();
  }

  /** Deletes all that are too old; resolves with their number. */
  purge(): Promise<number> {
    return this.events.run();
  }
}
