import { Injectable } from '@nestjs/common';
import { Database, type Query } from '#database';
import { newId } from '#kernel';
import type { AuthContext } from '../auth/index.js';

/** Somebody who is not to be written to. */
export interface StoredOptOut {
  id: string;
  sessionId: string | null;
  sessionName: string | null;
  /** WhatsApp's chat id as it was given, and its other form where it was known then. */
  waId: string;
  otherWaId: string | null;
  reason: string | null;
  createdAt: Date;
}

export interface NewOptOut {
  waId: string;
  sessionId: string | null;
  reason: string | null;
}

export interface OptOutFilter {
  /** Forms of one person's chat id. */
  waIds?: readonly string[] | undefined;
  /** Those of this session and those of all. */
  sessionId?: string | undefined;
}

const SELECT = `SELECT o.id, o.session_id AS "sessionId", s.name AS "sessionName", o.wa_id AS "waId",
    o.other_wa_id AS "otherWaId", o.reason, o.created_at AS "createdAt"
  FROM opt_outs o LEFT JOIN sessions s ON s.tenant_id = o.tenant_id AND s.id = o.session_id`;
/** Of the key's mode; those of all sessions, and those of sessions that the key may use. */
const VISIBLE = `o.tenant_id = $1 AND o.mode = $2
  AND (o.session_id IS NULL OR $3::text[] IS NULL OR o.session_id = ANY ($3))`;
const INSERT = `INSERT INTO opt_outs (tenant_id, id, mode, session_id, wa_id, other_wa_id, reason)
  SELECT $1, $2, $3, $4, $5, (SELECT f.form FROM sessions s, wagate_chat_forms(s.tenant_id, s.id, $5) AS f (form)
    WHERE s.tenant_id = $1 AND s.mode = $3 AND f.form <> $5 ORDER BY s.created_at DESC LIMIT 1), $6
  ON CONFLICT (tenant_id, wa_id, mode, (coalesce(session_id, ''))) DO NOTHING`;

/** The opt-outs of one tenant, as far as a key may see them. */
@Injectable()
export class OptOutRepository {
  constructor(private readonly database: Database) {}

  /** Makes one in a transaction of the tenant, or finds the same one. */
  async create(
    query: Query,
    auth: AuthContext,
    { waId, sessionId, reason }: NewOptOut,
  ): Promise<StoredOptOut> {
    await query(INSERT, [auth.tenantId, newId('opt'), auth.mode, sessionId, waId, reason]);
    const [optOut] = await query<StoredOptOut & object>(
      `${SELECT} WHERE ${VISIBLE} AND o.wa_id = $4 AND o.session_id IS NOT DISTINCT FROM $5`,
      [...visibility(auth), waId, sessionId],
    );
    if (!optOut) throw new Error('the opt-out is not there');
    return optOut;
  }

  /** Newest first; `limit` + 1 rows at most. */
  list(auth: AuthContext, filter: OptOutFilter, limit: number, afterId?: string): Promise<StoredOptOut[]> {
    return this.database.tenantSql(auth.tenantId, (query) =>
      query<StoredOptOut & object>(
        `${SELECT} WHERE ${VISIBLE} AND ($4::text[] IS NULL OR o.wa_id = ANY ($4) OR o.other_wa_id = ANY ($4))
           AND ($5::text IS NULL OR o.session_id IS NULL OR o.session_id = $5) AND ($6::text IS NULL OR o.id < $6)
         ORDER BY o.id DESC LIMIT $7`,
        [...visibility(auth), filter.waIds ?? null, filter.sessionId ?? null, afterId ?? null, limit + 1],
      ),
    );
  }

  /** Those of all sessions only by a key that may use all. False when there is none that the key may remove. */
  async remove(query: Query, auth: AuthContext, id: string): Promise<boolean> {
    const removed = await query(
      `DELETE FROM opt_outs o WHERE ${VISIBLE} AND o.id = $4 AND (o.session_id IS NOT NULL OR $3::text[] IS NULL)
       RETURNING o.id`,
      [...visibility(auth), id],
    );
    return removed.length > 0;
  }

  /** Other forms of a chat id that the tenant's sessions know, and the id itself. */
  async formsOf(auth: AuthContext, waId: string): Promise<string[]> {
    const rows = await this.database.tenantSql(auth.tenantId, (query) =>
      query<{ form: string }>(
        `SELECT DISTINCT f.form FROM sessions s, wagate_chat_forms(s.tenant_id, s.id, $3) AS f (form)
         WHERE s.tenant_id = $1 AND s.mode = $2`,
        [auth.tenantId, auth.mode, waId],
      ),
    );
    return [...new Set([waId, ...rows.map(({ form }) => form)])];
  }
}

function visibility(auth: AuthContext): [string, string, readonly string[] | null] {
  return [auth.tenantId, auth.mode, auth.sessionIds];
}
