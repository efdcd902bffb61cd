import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { Database } from '#database';
import { LOGGER } from '../../http/index.js';
import { PURGE_BATCH, TenantPurge } from '../../tenant-purge.js';

/** A node reports again what is some minutes old, and what it could not report for as long as it was away. */
export const TOLD_DAYS = 60;

const PURGE = {
  name: 'told_facts_purge',
  text: `DELETE FROM told_facts t USING (
      SELECT f.session_id, f.kind, f.key FROM told_facts f
      WHERE f.tenant_id = $1 AND f.at < now() - make_interval(days => ${String(TOLD_DAYS)})
      ORDER BY f.at LIMIT ${String(PURGE_BATCH)}) old
    WHERE t.tenant_id = $1 AND t.session_id = old.session_id AND t.kind = old.kind AND t.key = old.key
    RETURNING 1 AS purged`,
};

/** Forgets what was told so long ago that no node reports it again. */
@Injectable()
export class ToldFactPurge implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly facts: TenantPurge;

  constructor(database: Database, @Inject(LOGGER) logger: Logger) {
    this.facts = new TenantPurge({
      database,
      logger,
      what: 'old notices',
      deleteBatch: (query, tenantId) => query(PURGE, [tenantId]),
    });
  }

  onApplicationBootstrap(): void {
    this.facts.start();
  }

  onApplicationShutdown(): void {
    this.facts.stop();
  }

  /** Forgets all that is too old; resolves with the number. */
  purge(): Promise<number> {
    return this.facts.run();
  }
}
