import { Inject, Injectable } from '@nestjs/common';
import { PAUSE_TEXT, type PauseReason } from '#contracts';
import { Database, type Query } from '#database';
import { AppError } from '#kernel';
import { AuditLog, type Actor } from '../audit/index.js';
import type { AuthContext } from '../auth/index.js';
import { API_CONFIG, type ApiConfig } from '../config.js';
import { EventLog, type NewEvent } from '../events/index.js';
import { SESSION_COLUMNS, type StoredSession } from '../nodes/index.js';
import { noSuchSession, QUEUE_CHANNEL, SessionLookup } from '../sessions/index.js';

/**
 * Channel on which dispatchers hear that a session has to give back what it has not called. The payload is its id, and
 * behind that, each after a space, the ids of the chats it is about, unless of all.
 */
export const HOLD_CHANNEL = 'wagate_hold';

const LOCK = `SELECT ${SESSION_COLUMNS} FROM sessions
  WHERE tenant_id = $1 AND id = $2 AND desired <> 'deleted' FOR NO KEY UPDATE`;
const PAUSE = `UPDATE sessions SET paused_at = coalesce(paused_at, now()), pause_reason = coalesce(pause_reason, $3),
    paused_until = $4, updated_at = now()
  WHERE tenant_id = $1 AND id = $2 RETURNING ${SESSION_COLUMNS}`;
const RESUME = `UPDATE sessions SET paused_at = NULL, pause_reason = NULL, paused_until = NULL, updated_at = now()
  WHERE tenant_id = $1 AND id = $2 RETURNING ${SESSION_COLUMNS}`;
const FORGET_SIGNALS = 'DELETE FROM stop_signals WHERE tenant_id = $1 AND session_id = $2';
const DUE = `SELECT ${SESSION_COLUMNS} FROM sessions WHERE paused_until <= now() AND desired <> 'deleted'
  ORDER BY tenant_id, id FOR NO KEY UPDATE SKIP LOCKED`;

/** Pauses the queues of sessions and resumes them; whatever waits in one stays queued meanwhile. */
@Injectable()
export class SessionPauses {
  constructor(
    private readonly database: Database,
    private readonly lookup: SessionLookup,
    private readonly events: EventLog,
    private readonly audit: AuditLog,
    @Inject(API_CONFIG) private readonly config: Pick<ApiConfig, 'PAUSE_SECONDS'>,
  ) {}

  /**
   * Pauses a session until it is resumed, or until a time; of one that is paused only the time changes.
   * @throws AppError `invalid_request`, and what `SessionLookup.resolve` throws
   */
  async pause(auth: AuthContext, by: Actor, reference: string, until: Date | null): Promise<StoredSession> {
    const { id, tenantId } = await this.lookup.resolve(auth, reference);
    if (until !== null && until.getTime() <= Date.now()) {
      const message = 'must be in the future';
      throw new AppError('invalid_request', `until ${message}`, { details: [{ path: 'until', message }] });
    }
    return this.database.tenantSql(tenantId, async (query) => {
      const session = await lock(query, tenantId, id);
      const paused = await this.pauseIn(query, session, 'requested', until);
      const detail = { until: until?.toISOString() ?? null };
      await this.audit.record(query, by, { tenantId, action: 'session.paused', targetId: id, detail });
      return paused;
    });
  }

  /** Of a session that is not paused nothing changes. @throws what `SessionLookup.resolve` throws */
  async resume(auth: AuthContext, by: Actor, reference: string): Promise<StoredSession> {
    const { id, tenantId } = await this.lookup.resolve(auth, reference);
    return this.database.tenantSql(tenantId, async (query) => {
      const session = await lock(query, tenantId, id);
      if (session.pausedAt === null) return session;
      const detail = { reason: session.pauseReason };
      await this.audit.record(query, by, { tenantId, action: 'session.resumed', targetId: id, detail });
      return this.resumeIn(query, session);
    });
  }

  /** Pauses a session because of what WhatsApp does; one that is paused stays as it is. */
  async pauseAtSignal(query: Query, session: StoredSession, reason: PauseReason): Promise<void> {
    if (session.pausedAt !== null) return;
    const { PAUSE_SECONDS: seconds } = this.config;
    // The end of a block is nothing that time brings.
    const isEndless = seconds === 0 || reason === 'banned';
    await this.pauseIn(query, session, reason, isEndless ? null : new Date(Date.now() + seconds * 1_000));
  }

  /** Resumes the sessions whose pause is over, of any tenant. */
  async endDue(): Promise<void> {
    await this.database.workerSql(async (query) => {
      for (const session of await query<StoredSession>({ name: 'pauses_due', text: DUE })) {
        await this.resumeIn(query, session);
      }
    });
  }

  private async pauseIn(query: Query, session: StoredSession, reason: PauseReason, until: Date | null) {
    const { tenantId, id } = session;
    const [paused] = await query<StoredSession>(PAUSE, [tenantId, id, reason, until]);
    if (!paused) throw noSuchSession();
    await query('SELECT pg_notify($1, $2)', [HOLD_CHANNEL, id]);
    if (session.pausedAt === null) await this.events.append(query, [pausedEvent(paused, reason)]);
    return paused;
  }

  private async resumeIn(query: Query, session: StoredSession): Promise<StoredSession> {
    const { tenantId, id, pausedAt: since, pauseReason: reason } = session;
    const [resumed] = await query<StoredSession>(RESUME, [tenantId, id]);
    if (!resumed) throw noSuchSession();
    await query(FORGET_SIGNALS, [tenantId, id]);
    await query('SELECT pg_notify($1, $2)', [QUEUE_CHANNEL, id]);
    const data = { paused: { since, reason } };
    await this.events.append(query, [{ tenantId, sessionId: id, type: 'session.resumed', data }]);
    return resumed;
  }
}

async function lock(query: Query, tenantId: string, id: string): Promise<StoredSession> {
  const [session] = await query<StoredSession>(LOCK, [tenantId, id]);
  if (!session) throw noSuchSession();
  return session;
}

function pausedEvent(session: StoredSession, reason: PauseReason): NewEvent {
  const { tenantId, id, pausedAt: since, pausedUntil: until } = session;
  const data = { reason, reasonText: PAUSE_TEXT[reason], since, until };
  return { tenantId, sessionId: id, type: 'session.paused', data };
}
