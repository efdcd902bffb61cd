import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { asQuery, type Query } from '#database';
import { newId } from '#kernel';

/** Who acts: an API key by its id, or an operator at the command line. */
export interface Actor {
  actor: string;
  requestId?: string;
  ip?: string;
}

export const CLI_ACTOR: Actor = { actor: 'cli' };

export interface AuditEntry {
  tenantId: string;
  /** `<object>.<verb>`, as in `api_key.revoked`. */
  action: string;
  targetId?: string;
  /** Small and harmless: names and numbers, no secrets. */
  detail?: Record<string, unknown>;
}

/** Writes the audit log, in the transaction of the change it tells of. */
@Injectable()
export class AuditLog {
  async record(tx: EntityManager | Query, by: Actor, entry: AuditEntry): Promise<void> {
    await asQuery(tx)(INSERT, [
      entry.tenantId,
      newId('aud'),
      by.actor,
      entry.action,
      entry.targetId ?? null,
      by.requestId ?? null,
      by.ip ?? null,
      JSON.stringify(entry.detail ?? {}),
    ]);
  }
}

const INSERT = `INSERT INTO audit_log (tenant_id, id, actor, action, target_id, request_id, ip, detail)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`;
