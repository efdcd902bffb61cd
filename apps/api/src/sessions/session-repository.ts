import { Injectable } from '@nestjs/common';
import { compactPacing, type Pacing, type SessionMode } from '#contracts';
import { Database, isUniqueViolation, type Query } from '#database';
import { AppError, newId } from '#kernel';
import { SESSION_COLUMNS, type StoredSession } from '../nodes/index.js';
import { canNameSession } from './session-reference.js';
import { QUEUE_CHANNEL } from './session-reports.js';

export interface NewSession {
  /** Left out: one is made from the id. */
  name?: string | undefined;
  mode: SessionMode;
  dailyMessageLimit?: number | null | undefined;
  /** null: the operator's default. */
  pacing?: Pacing | null | undefined;
  typing?: boolean | undefined;
  strictOrder?: boolean | undefined;
}

export interface SessionChange {
  name?: string | undefined;
  /** null: the tenant's default for sessions. */
  dailyMessageLimit?: number | null | undefined;
  /** null: the operator's default. */
  pacing?: Pacing | null | undefined;
  typing?: boolean | undefined;
  strictOrder?: boolean | undefined;
}

/** Which sessions a key may see; `ids` null: all. */
export interface SessionFilter {
  mode: SessionMode;
  ids: readonly string[] | null;
}

/** More than any tenant is given. */
export const MOST_SESSIONS = 10_000;
const VISIBLE = `tenant_id = $1 AND desired <> 'deleted' AND mode = $2 AND ($3::text[] IS NULL OR id = ANY($3))`;

/** The sessions of one tenant. Deleted ones are not there. */
@Injectable()
export class SessionRepository {
  constructor(private readonly database: Database) {}

  /** By id or name; a name never looks like an id. */
  async find(tenantId: string, reference: string): Promise<StoredSession | undefined> {
    if (!canNameSession(reference)) return undefined;
    return this.database.tenantSql(tenantId, async (query) => {
      const rows = await query<StoredSession>(
        {
          name: 'session_find',
          text: `SELECT ${SESSION_COLUMNS} FROM sessions
            WHERE tenant_id = $1 AND desired <> 'deleted' AND (id = $2 OR name = $2)`,
        },
        [tenantId, reference],
      );
      return rows[0];
    });
  }

  /** Newest first. */
  list(tenantId: string, filter: SessionFilter, limit: number, afterId?: string): Promise<StoredSession[]> {
    return this.database.tenantSql(tenantId, (query) => list(query, tenantId, filter, limit, afterId));
  }

  /** All of them, none of which another request makes before the end of the transaction. */
  async listHeld(query: Query, tenantId: string, filter: SessionFilter): Promise<StoredSession[]> {
    await hold(query, tenantId);
    return list(query, tenantId, filter, MOST_SESSIONS);
  }

  /**
   * Makes a session, stopped and placed nowhere, in a transaction of its tenant.
   * @throws AppError `session_limit_reached`, `name_taken`
   */
  async create(query: Query, tenantId: string, session: NewSession): Promise<StoredSession> {
    await assertRoom(query, tenantId);
    const id = newId('ses');
    const name = session.name ?? `session-${id.slice(-8)}`;
    const rows = await query<StoredSession>(
      `INSERT INTO sessions (tenant_id, id, name, mode, action, daily_message_limit, pacing, typing, strict_order)
       VALUES ($1, $2, $3, $4, 'start', $5, $6, $7, $8) RETURNING ${SESSION_COLUMNS}`,
      [
        tenantId,
        id,
        name,
        session.mode,
        session.dailyMessageLimit ?? null,
        storedPacing(session.pacing),
        session.typing ?? false,
        session.strictOrder ?? false,
      ],
    ).catch(nameTaken);
    return only(rows);
  }

  /** @throws AppError `name_taken`, `not_found` */
  async change(tenantId: string, id: string, change: SessionChange): Promise<StoredSession> {
    return this.database
      .tenantSql(tenantId, async (query) => {
        const rows = await query<StoredSession>(
          `UPDATE sessions SET name = coalesce($3, name), updated_at = now(),
             daily_message_limit = CASE WHEN $5 THEN $4 ELSE daily_message_limit END,
             pacing = CASE WHEN $7 THEN $6 ELSE pacing END, typing = coalesce($8, typing),
             strict_order = coalesce($9, strict_order)
           WHERE tenant_id = $1 AND id = $2 AND desired <> 'deleted' RETURNING ${SESSION_COLUMNS}`,
          [
            tenantId,
            id,
            change.name ?? null,
            change.dailyMessageLimit ?? null,
            change.dailyMessageLimit !== undefined,
            storedPacing(change.pacing),
            change.pacing !== undefined,
            change.typing ?? null,
            change.strictOrder ?? null,
          ],
        );
        // What waits by the policy of before may leave earlier now.
        if (change.pacing !== undefined || change.strictOrder === false)
          await query('SELECT pg_notify($1, $2)', [QUEUE_CHANNEL, id]);
        return only(rows);
      })
      .catch(nameTaken);
  }

  /** How many messages wait to be sent, and since when the oldest does. */
  queue(tenantId: string, id: string): Promise<{ queued: number; oldestAt: Date | null }> {
    return this.database.tenantSql(tenantId, async (query) => {
      const rows = await query<{ queued: number; oldestAt: Date | null }>(
        `SELECT count(*)::int AS queued, min(created_at) AS "oldestAt" FROM messages
         WHERE tenant_id = $1 AND session_id = $2 AND status = 'queued'`,
        [tenantId, id],
      );
      return rows[0] ?? { queued: 0, oldestAt: null };
    });
  }
}

function list(query: Query, tenantId: string, filter: SessionFilter, limit: number, afterId?: string) {
  return query<StoredSession>(
    {
      name: 'session_list',
      text: `SELECT ${SESSION_COLUMNS} FROM sessions
        WHERE ${VISIBLE} AND ($4::text IS NULL OR id < $4) ORDER BY id DESC LIMIT $5`,
    },
    [tenantId, filter.mode, filter.ids, afterId ?? null, limit],
  );
}

/** No other request of the tenant makes a session until the end of the transaction. */
async function hold(query: Query, tenantId: string): Promise<void> {
  await query(`SELECT pg_advisory_xact_lock(hashtextextended('sessions of ' || $1, 0))`, [tenantId]);
}

/** Two requests cannot both take the last place. */
async function assertRoom(query: Query, tenantId: string): Promise<void> {
  await hold(query, tenantId);
  const rows = await query<{ count: number; maximum: number }>(
    `SELECT (SELECT count(*) FROM sessions WHERE tenant_id = $1 AND desired <> 'deleted')::int AS count,
       max_sessions AS maximum FROM tenants WHERE id = $1`,
    [tenantId],
  );
  const { count, maximum } = rows[0] ?? { count: 0, maximum: 0 };
  if (count < maximum) return;
  throw new AppError(
    'session_limit_reached',
    `this tenant may have ${maximum} sessions and has ${count}; delete one first`,
  );
}

function storedPacing(pacing: Pacing | null | undefined): object | null {
  return pacing ? compactPacing(pacing) : null;
}

function nameTaken(error: unknown): never {
  if (!isUniqueViolation(error, 'sessions_name')) throw error;
  throw new AppError('name_taken', 'another session of this tenant has this name', {
    cause: error,
    details: [{ path: 'name', message: 'must not be the name of another session' }],
  });
}

function only(rows: StoredSession[]): StoredSession {
  const [row] = rows;
  if (!row) throw noSuchSession();
  return row;
}

/** The same for a session that does not exist and for one of another tenant. */
export function noSuchSession(): AppError {
  return new AppError('not_found', 'there is no such session');
}
