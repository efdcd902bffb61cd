import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { KeyMode, Scope } from '#contracts';
import { Database, type ApiKeyRow } from '#database';
import { AppError, Clock, newId } from '#kernel';
import { AuditLog, type Actor } from '../audit/index.js';
import { generateApiKey, hasScope, KeyHasher, type AuthContext } from '../auth/index.js';
import { readPage, toPage, type Page, type PageQuery } from '../http/index.js';
import { IdempotencyService, type IdempotentAnswer, type IdempotentRequest } from '../idempotency/index.js';
import { ApiKeyRepository } from './api-key-repository.js';
import type { ApiKey, CreateApiKey, CreatedApiKey } from './api-key.dto.js';

/** What a new key is to be, with nothing left open. */
export interface ApiKeySpec {
  name: string;
  mode: KeyMode;
  scopes: Scope[];
  sessionIds: string[] | null;
  allowedIps: string[] | null;
  expiresAt: Date | null;
}

const ID = /^key_[0-9a-z]{26}$/;

/** The API keys of a tenant. */
@Injectable()
export class ApiKeyService {
  constructor(
    private readonly database: Database,
    private readonly keys: ApiKeyRepository,
    private readonly hasher: KeyHasher,
    private readonly audit: AuditLog,
    private readonly idempotency: IdempotencyService,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  async list(tenantId: string, query: PageQuery): Promise<Page<ApiKey>> {
    const page = readPage('api-keys', query, [ID]);
    const rows = await this.database.tenant(tenantId, (tx) => this.keys.list(tx, tenantId, page));
    return toPage('api-keys', query, rows, (row) => [row.id], toApiKey);
  }

  /**
   * Makes a key that may do no more than the key that asks for it: its scopes, its sessions, its mode.
   * The stored answer of a repeated request does not hold the key itself, which is shown once and never kept.
   */
  async create(
    auth: AuthContext,
    by: Actor,
    input: CreateApiKey,
    request: IdempotentRequest | undefined,
  ): Promise<IdempotentAnswer<CreatedApiKey>> {
    const spec = specOf(auth, input);
    assertGrantable(auth, spec);
    return this.issueOnce(auth.tenantId, request, async (tx) => {
      await this.assertSessionsExist(tx, auth.tenantId, input.sessionIds ?? []);
      return this.issue(tx, auth.tenantId, by, spec, 'api_key.created');
    });
  }

  /** A new key in place of an old one, which ends after `overlapSeconds`. @throws AppError `invalid_state` */
  async rotate(
    auth: AuthContext,
    by: Actor,
    id: string,
    overlapSeconds: number,
    request: IdempotentRequest | undefined,
  ): Promise<IdempotentAnswer<CreatedApiKey>> {
    return this.issueOnce(auth.tenantId, request, async (tx) => {
      const old = await this.keys.findToChange(tx, auth.tenantId, id);
      if (!old) throw notFound();
      assertGrantable(auth, old);
      this.assertReplaceable(old);
      const created = await this.issue(tx, auth.tenantId, by, old, 'api_key.rotated', id);
      await this.keys.replace(tx, auth.tenantId, id, { by: created.id, overlapSeconds });
      return created;
    });
  }

  /** Ends a key; it is refused everywhere within five seconds. Ending it twice is no error. */
  async revoke(tenantId: string, by: Actor, id: string, auth?: AuthContext): Promise<void> {
    await this.database.tenant(tenantId, async (tx) => {
      const key = await this.keys.find(tx, tenantId, id);
      if (!key) throw notFound();
      if (auth) assertGrantable(auth, { ...key, mode: auth.mode });
      if (await this.keys.revoke(tx, tenantId, id)) {
        await this.audit.record(tx, by, { tenantId, action: 'api_key.revoked', targetId: id });
      }
    });
  }

  /** Makes a key in the caller's transaction, whatever it may do: for the first key of a tenant and the command line. */
  async issue(
    tx: EntityManager,
    tenantId: string,
    by: Actor,
    spec: ApiKeySpec,
    action = 'api_key.created',
    replaces?: string,
  ): Promise<CreatedApiKey> {
    const { key, publicId } = generateApiKey(spec.mode);
    const id = newId('key');
    await this.keys.insert(tx, tenantId, {
      id,
      publicId,
      secretHash: this.hasher.hash(key),
      pepperVersion: this.hasher.pepperVersion,
      name: spec.name,
      mode: spec.mode,
      scopes: [...new Set(spec.scopes)],
      sessionIds: spec.sessionIds,
      allowedIps: spec.allowedIps,
      expiresAt: spec.expiresAt,
    });
    const detail = {
      name: spec.name,
      scopes: spec.scopes,
      mode: spec.mode,
      ...(replaces ? { replaces } : {}),
    };
    await this.audit.record(tx, by, { tenantId, action, targetId: id, detail });
    const row = await this.keys.find(tx, tenantId, id);
    if (!row) throw new AppError('internal', 'the new key is not there');
    return { ...toApiKey(row), key };
  }

  /** A second successor would end with the overlap of the first, and one of a key that has ended would never work. */
  private assertReplaceable({ revokedAt, replacedBy, expiresAt }: ApiKeyRow): void {
    if (revokedAt) throw new AppError('invalid_state', 'a revoked key cannot be rotated');
    if (replacedBy) {
      throw new AppError(
        'invalid_state',
        `this key was rotated already; ${replacedBy} took its place: rotate or revoke that one`,
      );
    }
    if (expiresAt && expiresAt <= this.clock.now())
      throw new AppError('invalid_state', 'an expired key cannot be rotated');
  }

  private async assertSessionsExist(tx: EntityManager, tenantId: string, ids: string[]): Promise<void> {
    const existing = new Set(await this.keys.existingSessions(tx, tenantId, ids));
    const details = ids.flatMap((id, i) =>
      existing.has(id) ? [] : [{ path: `sessionIds.${i}`, message: 'must be the id of a session' }],
    );
    if (details.length > 0) throw new AppError('not_found', 'there is no such session', { details });
  }

  private issueOnce(
    tenantId: string,
    request: IdempotentRequest | undefined,
    issue: (tx: EntityManager) => Promise<CreatedApiKey>,
  ): Promise<IdempotentAnswer<CreatedApiKey>> {
    return this.database.tenant(tenantId, (tx) =>
      this.idempotency.run(tx, tenantId, request, async () => {
        const created = await issue(tx);
        const { key: _secret, ...shownAgain } = created;
        return {
          status: 201,
          body: created,
          storedBody: { ...shownAgain, key: null },
          resourceId: created.id,
        };
      }),
    );
  }
}

function specOf(auth: AuthContext, input: CreateApiKey): ApiKeySpec {
  return {
    name: input.name,
    mode: input.mode ?? auth.mode,
    scopes: input.scopes,
    sessionIds: input.sessionIds ?? (auth.sessionIds ? [...auth.sessionIds] : null),
    allowedIps: input.allowedIps ?? null,
    expiresAt: input.expiresAt ? new Date(input.expiresAt) : null,
  };
}

/** A key can only hand out, replace or end what it has itself. */
function assertGrantable(auth: AuthContext, key: Pick<ApiKeySpec, 'scopes' | 'sessionIds' | 'mode'>): void {
  const missing = key.scopes.filter((scope) => !hasScope(auth, scope));
  if (missing.length > 0) {
    throw new AppError('insufficient_scope', `your key cannot grant ${missing.join(', ')}`);
  }
  if (
    auth.sessionIds !== null &&
    (key.sessionIds === null || !key.sessionIds.every((id) => auth.sessionIds?.includes(id)))
  ) {
    throw new AppError('session_not_allowed', 'your key is bound to sessions and cannot grant others');
  }
  if (key.mode !== auth.mode && !hasScope(auth, 'admin')) {
    throw new AppError('wrong_key_mode', `a ${auth.mode} key cannot grant a ${key.mode} key`);
  }
}

function notFound(): AppError {
  return new AppError('not_found', 'there is no such API key');
}

export function toApiKey(row: ApiKeyRow): ApiKey {
  return {
    id: row.id,
    name: row.name,
    mode: row.mode,
    prefix: `wg_${row.mode}_${row.publicId}`,
    scopes: row.scopes,
    sessionIds: row.sessionIds,
    allowedIps: row.allowedIps,
    createdAt: row.createdAt.toISOString(),
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
    expiresAt: row.expiresAt?.toISOString() ?? null,
    revokedAt: row.revokedAt?.toISOString() ?? null,
  };
}
