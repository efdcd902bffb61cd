import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { Database } from '#database';
import { API_CONFIG, type ApiConfig } from '../config.js';
import { LOGGER } from '../http/index.js';

const EVERY_MS = 10 * 60_000;
const BATCH = 1_000;

/** The oldest first and up to the first one that is kept: what is left has no gap. */
const PURGE = {
  name: 'events_purge',
  text: `WITH oldest AS (
      SELECT e.id, e.seq, e.created_at FROM events e WHERE e.tenant_id = $1 AND e.seq IS NOT NULL
      ORDER BY e.seq LIMIT ${String(BATCH)}
    ), kept AS (
      SELECT min(o.seq) AS seq FROM oldest o WHERE o.created_at >= now() - make_interval(days => $2)
    )
    DELETE FROM events e USING oldest o, kept
    WHERE e.tenant_id = $1 AND e.id = o.id AND (kept.seq IS NULL OR o.seq < kept.seq) RETURNING 1 AS purged`,
};

/** Deletes events whose days are over. Every api process does; they do not disturb each other. */
@Injectable()
export class EventRetention implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly database: Database,
    @Inject(API_CONFIG) private readonly config: Pick<ApiConfig, 'EVENT_RETENTION_DAYS'>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.purge().catch((error: unknown) => this.logger.warn({ err: error }, 'old events not deleted'));
    }, EVERY_MS);
    this.timer.unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** Deletes all that are too old, in short transactions; resolves with their number. */
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
      query(PURGE, [tenantId, this.config.EVENT_RETENTION_DAYS]),
    );
    return rows.length;
  }
}
