import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { Database, type Query } from '#database';
import { API_CONFIG, type ApiConfig } from '../config.js';
import { LOGGER } from '../http/index.js';
import { PlacedSessions } from '../nodes/index.js';
import { SessionPauses } from './session-pauses.js';

/** An answer that, many times in a row, says that a session had better stop. */
export interface StopSignal {
  tenantId: string;
  sessionId: string;
  kind: 'unacknowledged' | 'not_on_whatsapp';
}

/**
 * Adds to streaks, or begins new ones where a message was acknowledged since. What was not acknowledged while a session
 * was away says nothing.
 */
const NOTE = {
  name: 'stop_signals_note',
  text: `INSERT INTO stop_signals AS k (tenant_id, session_id, kind, streak, sent)
    SELECT r.tenant, r.session, r.kind, r.streak, (SELECT coalesce(sum(u.sent), 0) FROM usage_daily u
      WHERE u.tenant_id = r.tenant AND u.session_id = r.session AND u.day >= (now() AT TIME ZONE 'utc')::date - 1)
    FROM (SELECT s.tenant, s.session, s.kind, count(*) AS streak
      FROM unnest($1::text[], $2::text[], $3::text[]) AS s (tenant, session, kind)
      GROUP BY s.tenant, s.session, s.kind) r
    JOIN sessions o ON o.tenant_id = r.tenant AND o.id = r.session AND o.state = 'connected'
    ORDER BY r.tenant, r.session, r.kind
    ON CONFLICT (tenant_id, session_id, kind) DO UPDATE SET sent = excluded.sent,
      streak = excluded.streak + CASE WHEN k.sent = excluded.sent THEN k.streak ELSE 0 END`,
};
const REACHED = {
  name: 'stop_signals_reached',
  text: `SELECT k.tenant_id AS "tenantId", k.session_id AS "sessionId", k.kind FROM stop_signals k
    JOIN sessions s ON s.tenant_id = k.tenant_id AND s.id = k.session_id
      AND s.paused_at IS NULL AND s.desired <> 'deleted'
    WHERE k.streak >= CASE k.kind WHEN 'unacknowledged' THEN $1::int ELSE $2::int END
    ORDER BY k.tenant_id, k.session_id, k.kind`,
};
const NEVER = 2_147_483_647;

/** Counts the signals to stop of each session, and pauses it when there are too many in a row. */
@Injectable()
export class StopSignals {
  constructor(
    private readonly database: Database,
    private readonly placed: PlacedSessions,
    private readonly pauses: SessionPauses,
    @Inject(API_CONFIG)
    private readonly config: Pick<ApiConfig, 'PAUSE_AFTER_UNACKNOWLEDGED' | 'PAUSE_AFTER_NOT_ON_WHATSAPP'>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Counts signals in the (worker) transaction of what they tell of, after the usage of its messages. */
  async note(query: Query, signals: readonly StopSignal[]): Promise<void> {
    if (signals.length === 0) return;
    await query(NOTE, [
      signals.map(({ tenantId }) => tenantId),
      signals.map(({ sessionId }) => sessionId),
      signals.map(({ kind }) => kind),
    ]);
  }

  /** Pauses the sessions, of any tenant, whose streak is long enough. */
  async pauseReached(): Promise<void> {
    const { PAUSE_AFTER_UNACKNOWLEDGED: unacknowledged, PAUSE_AFTER_NOT_ON_WHATSAPP: unregistered } =
      this.config;
    const reached = await this.database.workerSql((query) =>
      query<StopSignal & object>(REACHED, [unacknowledged || NEVER, unregistered || NEVER]),
    );
    for (const signal of reached) await this.database.workerSql((query) => this.pause(query, signal));
  }

  private async pause(query: Query, signal: StopSignal): Promise<void> {
    const { kind, ...key } = signal;
    const session = await this.placed.lock(query, key);
    if (!session || session.pausedAt !== null || session.desired === 'deleted') return;
    await this.pauses.pauseAtSignal(query, session, kind);
    this.logger.warn({ ...key, reason: kind }, 'session paused');
  }
}
