import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { KeyMode, Scope } from '#contracts';
import { ApiKeyRow, asQuery } from '#database';
import type { PageRequest } from '../http/index.js';

export interface NewApiKeyRow {
  id: string;
  publicId: string;
  secretHash: Buffer;
  pepperVersion: number;
  name: string;
  mode: KeyMode;
  scopes: Scope[];
  sessionIds: string[] | null;
  allowedIps: string[] | null;
  expiresAt: Date | null;
}

/** Rows of `api_keys`, without their hashes. */
@Injectable()
export class ApiKeyRepository {
  async insert(tx: EntityManager, tenantId: string, row: NewApiKeyRow): Promise<void> {
    await tx.insert(ApiKeyRow, { tenantId, ...row });
  }

  find(tx: EntityManager, tenantId: string, id: string): Promise<ApiKeyRow | null> {
    return tx.findOneBy(ApiKeyRow, { tenantId, id });
  }

  /** As `find`; no other transaction changes the key until this one ends. */
  findToChange(tx: EntityManager, tenantId: string, id: string): Promise<ApiKeyRow | null> {
    return tx.findOne(ApiKeyRow, { where: { tenantId, id }, lock: { mode: 'pessimistic_write' } });
  }

  /** Those of the ids that are sessions of the tenant. */
  async existingSessions(tx: EntityManager, tenantId: string, ids: string[]): Promise<string[]> {
    if (ids.length === 0) return [];
    const rows = await asQuery(tx)<{ id: string }>(
      `SELECT id FROM sessions WHERE tenant_id = $1 AND id = ANY ($2) AND desired <> 'deleted'`,
      [tenantId, ids],
    );
    return rows.map((row) => row.id);
  }

  /** Newest first; `limit` + 1 rows at most. */
  list(tx: EntityManager, tenantId: string, { limit, after }: PageRequest): Promise<ApiKeyRow[]> {
    const select = tx.createQueryBuilder(ApiKeyRow, 'k').where('k.tenantId = :tenantId', { tenantId });
    if (after) select.andWhere('k.id < :after', { after: after[0] });
    return select
      .orderBy('k.id', 'DESC')
      .take(limit + 1)
      .getMany();
  }

  /** Ends a key now; false when it is unknown or had ended already. */
  async revoke(tx: EntityManager, tenantId: string, id: string): Promise<boolean> {
    const rows = await asQuery(tx)(
      'UPDATE api_keys SET revoked_at = now() WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING id',
      [tenantId, id],
    );
    return rows.length > 0;
  }

  /** Notes the successor of a key and lets it end after `overlapSeconds`, unless it ends sooner anyway. */
  async replace(
    tx: EntityManager,
    tenantId: string,
    id: string,
    { by, overlapSeconds }: { by: string; overlapSeconds: number },
  ): Promise<void> {
    await asQuery(tx)(
      `UPDATE api_keys SET replaced_by = $4, expires_at = least(expires_at, now() + make_interval(secs => $3))
       WHERE tenant_id = $1 AND id = $2`,
      [tenantId, id, overlapSeconds, by],
    );
  }
}
