import { Injectable } from '@nestjs/common';
import type { EntityManager, QueryDeepPartialEntity } from 'typeorm';
import { TenantRow } from '#database';
import type { PageRequest } from '../http/index.js';

/** Rows of `tenants`; its transactions are a worker's, because only operators come here. */
@Injectable()
export class TenantRepository {
  async insert(tx: EntityManager, row: QueryDeepPartialEntity<TenantRow>): Promise<void> {
    await tx.insert(TenantRow, row);
  }

  find(tx: EntityManager, id: string): Promise<TenantRow | null> {
    return tx.findOneBy(TenantRow, { id });
  }

  /** Newest first; `limit` + 1 rows at most. */
  list(tx: EntityManager, { limit, after }: PageRequest, status?: TenantRow['status']): Promise<TenantRow[]> {
    const select = tx.createQueryBuilder(TenantRow, 't').where('true');
    if (status) select.andWhere('t.status = :status', { status });
    if (after) select.andWhere('t.id < :after', { after: after[0] });
    return select
      .orderBy('t.id', 'DESC')
      .take(limit + 1)
      .getMany();
  }

  async update(tx: EntityManager, id: string, change: QueryDeepPartialEntity<TenantRow>): Promise<void> {
    await tx.update(TenantRow, { id }, { ...change, updatedAt: () => 'now()' });
  }
}
