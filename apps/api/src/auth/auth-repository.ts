import { Injectable } from '@nestjs/common';
import type { KeyMode, Scope } from '#contracts';
import { Database } from '#database';
import type { AuthContext } from './auth-context.js';

/** A key as authentication needs it. */
export interface StoredKey {
  auth: AuthContext;
  secretHash: Buffer;
  allowedIps: string[] | null;
  expiresAt: Date | null;
  revokedAt: Date | null;
  tenantStatus: 'active' | 'suspended';
}

interface KeyRow {
  tenant_id: string;
  id: string;
  secret_hash: Buffer;
  mode: KeyMode;
  scopes: Scope[];
  session_ids: string[] | null;
  allowed_ips: string[] | null;
  expires_at: Date | null;
  revoked_at: Date | null;
  status: 'active' | 'suspended';
  key_per_minute: number | null;
  tenant_per_minute: number | null;
}

const FIND = {
  name: 'auth_key_find',
  text: `SELECT k.tenant_id, k.id, k.secret_hash, k.mode, k.scopes, k.session_ids, k.allowed_ips, k.expires_at,
           k.revoked_at, t.status, t.key_requests_per_minute AS key_per_minute, t.requests_per_minute AS tenant_per_minute
         FROM api_keys k JOIN tenants t ON t.id = k.tenant_id WHERE k.public_id = $1`,
};

/** Reads keys before their tenant is known, hence as a worker. */
@Injectable()
export class AuthRepository {
  constructor(private readonly database: Database) {}

  async findByPublicId(publicId: string): Promise<StoredKey | undefined> {
    const [row] = await this.database.workerSql((query) => query<KeyRow>(FIND, [publicId]));
    if (!row) return undefined;
    return {
      auth: {
        tenantId: row.tenant_id,
        keyId: row.id,
        mode: row.mode,
        scopes: row.scopes,
        sessionIds: row.session_ids,
        limits: { keyPerMinute: row.key_per_minute, tenantPerMinute: row.tenant_per_minute },
      },
      secretHash: row.secret_hash,
      allowedIps: row.allowed_ips,
      expiresAt: row.expires_at,
      revokedAt: row.revoked_at,
      tenantStatus: row.status,
    };
  }

  /** Notes when keys were last used. */
  async recordUse(uses: { tenantId: string; keyId: string; at: Date }[]): Promise<void> {
    await this.database.workerSql((query) =>
      query(
        `UPDATE api_keys k SET last_used_at = greatest(k.last_used_at, u.at)
         FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS u (tenant_id, id, at)
         WHERE k.tenant_id = u.tenant_id AND k.id = u.id`,
        [uses.map((use) => use.tenantId), uses.map((use) => use.keyId), uses.map((use) => use.at)],
      ),
    );
  }
}
