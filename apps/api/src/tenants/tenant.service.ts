import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { SCOPES, type Scope } from '#contracts';
import { Database, type TenantRow } from '#database';
import { AppError, newId } from '#kernel';
import { ApiKeyService, type CreatedApiKey } from '../api-keys/index.js';
import { AuditLog, type Actor } from '../audit/index.js';
import { readPage, toPage, type Page, type PageQuery } from '../http/index.js';
import { IdempotencyService, type IdempotentAnswer, type IdempotentRequest } from '../idempotency/index.js';
import { TenantRepository } from './tenant-repository.js';
import type { CreatedTenant, CreateTenant, Tenant, UpdateTenant } from './tenant.dto.js';

const ID = /^tnt_[0-9a-z]{26}$/;
const TENANT_SCOPES: Scope[] = SCOPES.filter((scope) => scope !== 'admin');

/** The tenants of this installation; for operators only. */
@Injectable()
export class TenantService {
  constructor(
    private readonly database: Database,
    private readonly tenants: TenantRepository,
    private readonly keys: ApiKeyService,
    private readonly audit: AuditLog,
    private readonly idempotency: IdempotencyService,
  ) {}

  /**
   * Makes a tenant and, when asked to, its first key; both or neither.
   * @param operatorTenantId whose Idempotency-Key it is
   */
  create(
    by: Actor,
    input: CreateTenant,
    operatorTenantId: string,
    request: IdempotentRequest | undefined,
  ): Promise<IdempotentAnswer<CreatedTenant>> {
    return this.database.worker((tx) =>
      this.idempotency.run(tx, operatorTenantId, request, async () => {
        const body = await this.insert(tx, by, input);
        return {
          status: 201,
          body,
          storedBody: { ...body, firstKey: withoutSecret(body.firstKey) },
          resourceId: body.id,
        };
      }),
    );
  }

  /** The same for the command line. */
  make(by: Actor, input: CreateTenant): Promise<CreatedTenant> {
    return this.database.worker((tx) => this.insert(tx, by, input));
  }

  private async insert(tx: EntityManager, by: Actor, input: CreateTenant): Promise<CreatedTenant> {
    const id = newId('tnt');
    await this.tenants.insert(tx, { id, name: input.name, status: 'active', ...input.limits });
    await this.audit.record(tx, by, { tenantId: id, action: 'tenant.created', targetId: id });
    const { firstKey } = input;
    const key = firstKey
      ? await this.keys.issue(tx, id, by, {
          name: firstKey.name,
          mode: firstKey.mode,
          scopes: firstKey.scopes ?? TENANT_SCOPES,
          sessionIds: null,
          allowedIps: null,
          expiresAt: null,
        })
      : null;
    const row = await this.tenants.find(tx, id);
    if (!row) throw notFound();
    return { ...toTenant(row), firstKey: key };
  }

  async get(id: string): Promise<Tenant> {
    const row = await this.database.worker((tx) => this.tenants.find(tx, id));
    if (!row) throw notFound();
    return toTenant(row);
  }

  async list(query: PageQuery & { status?: TenantRow['status'] }): Promise<Page<Tenant>> {
    const page = readPage('tenants', query, [ID]);
    const rows = await this.database.worker((tx) => this.tenants.list(tx, page, query.status));
    return toPage('tenants', query, rows, (row) => [row.id], toTenant);
  }

  /** Changes what is named in `change`, nothing else. Suspending shuts every key of the tenant out within five seconds. */
  update(by: Actor, id: string, change: UpdateTenant): Promise<Tenant> {
    return this.database.worker(async (tx) => {
      const { name, status, limits } = change;
      await this.tenants.update(tx, id, {
        ...(name ? { name } : {}),
        ...(status ? { status } : {}),
        ...limits,
      });
      const row = await this.tenants.find(tx, id);
      if (!row) throw notFound();
      await this.audit.record(tx, by, {
        tenantId: id,
        action: 'tenant.updated',
        targetId: id,
        detail: change,
      });
      return toTenant(row);
    });
  }
}

function withoutSecret(key: CreatedApiKey | null): CreatedApiKey | null {
  return key && { ...key, key: null };
}

function notFound(): AppError {
  return new AppError('not_found', 'there is no such tenant');
}

function toTenant(row: TenantRow): Tenant {
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    limits: {
      maxSessions: row.maxSessions,
      dailyMessageLimit: row.dailyMessageLimit,
      sessionDailyMessageLimit: row.sessionDailyMessageLimit,
      requestsPerMinute: row.requestsPerMinute,
      keyRequestsPerMinute: row.keyRequestsPerMinute,
    },
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
