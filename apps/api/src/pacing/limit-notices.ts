import { Inject, Injectable } from '@nestjs/common';
import type { Query } from '#database';
import { API_CONFIG, type ApiConfig } from '../config.js';
import { EventLog, type NewEvent } from '../events/index.js';
import { defaultPacing } from './default-pacing.js';

/** A message that a daily limit refused: that of its tenant, or that of its session. */
export interface RefusedByLimit {
  tenantId: string;
  sessionId: string;
  whose: 'tenant' | 'session';
}

interface ReachedLimit {
  tenantId: string;
  sessionId: string;
  name: string;
  most: string;
  /** Null: nobody can tell. */
  resetsAt: Date | null;
}

/**
 * The limits of a UTC day that were not told on this day, as high as they are. Whoever refuses holds the lock of the
 * limit, so tells alone.
 */
const TELL_DAILY = {
  name: 'limits_tell_daily',
  text: `WITH today AS (SELECT date_trunc('day', now(), 'UTC') AS begun),
    reached AS MATERIALIZED (
      SELECT DISTINCT r.tenant, CASE r.whose WHEN 'session' THEN r.session ELSE '' END AS session,
        CASE r.whose WHEN 'session' THEN 'sessionDailyLimit' ELSE 'dailyLimit' END AS name,
        CASE r.whose WHEN 'session' THEN coalesce(s.daily_message_limit, t.session_daily_message_limit)
          ELSE t.daily_message_limit END AS most
      FROM unnest($1::text[], $2::text[], $3::text[]) AS r (tenant, session, whose)
      JOIN tenants t ON t.id = r.tenant LEFT JOIN sessions s ON s.tenant_id = r.tenant AND s.id = r.session),
    told AS (
      INSERT INTO limit_notices (tenant_id, session_id, name, most)
      SELECT r.tenant, r.session, r.name, r.most FROM reached r, today
      WHERE r.most IS NOT NULL AND NOT EXISTS (SELECT FROM limit_notices n WHERE n.tenant_id = r.tenant
        AND n.session_id = r.session AND n.name = r.name AND n.most = r.most AND n.told_at >= today.begun)
      ORDER BY r.tenant, r.session, r.name
      ON CONFLICT (tenant_id, session_id, name) DO UPDATE SET told_at = now(), most = excluded.most
      RETURNING tenant_id, session_id, name)
    SELECT r.tenant AS "tenantId", r.session AS "sessionId", r.name, r.most::text AS most,
      today.begun + interval '1 day' AS "resetsAt"
    FROM told JOIN reached r ON r.tenant = told.tenant_id AND r.session = told.session_id AND r.name = told.name, today
    ORDER BY r.tenant, r.session, r.name`,
};

/**
 * The caps of a session's policy that were not told within their own length, as high as they are. One that is reached
 * only by attempts under way is left for later: they may turn out not to count. Whoever claims is alone.
 */
const TELL_PACED = {
  name: 'limits_tell_paced',
  text: `WITH reached AS MATERIALIZED (SELECT * FROM wagate_reached_caps($1, $2::jsonb, $3, now())),
    told AS (
      INSERT INTO limit_notices (tenant_id, session_id, name, most) SELECT r.tenant, $1, r.name, r.most FROM reached r
      WHERE (r.most <= 0 OR r.until < timestamptz 'infinity')
        AND NOT EXISTS (SELECT FROM limit_notices n WHERE n.tenant_id = r.tenant AND n.session_id = $1
          AND n.name = r.name AND n.most = r.most AND n.told_at > now() - r.span)
      ORDER BY r.name
      ON CONFLICT (tenant_id, session_id, name) DO UPDATE SET told_at = now(), most = excluded.most RETURNING name)
    SELECT r.tenant AS "tenantId", $1 AS "sessionId", r.name, r.most::text AS most,
      CASE WHEN r.until < timestamptz 'infinity' THEN r.until END AS "resetsAt"
    FROM told JOIN reached r USING (name) ORDER BY r.name`,
};

/** Tells tenants that a limit begins to hold their messages back: once in its window, whatever it holds back then. */
@Injectable()
export class LimitNotices {
  private readonly fallback: string;

  constructor(
    private readonly events: EventLog,
    @Inject(API_CONFIG) config: ApiConfig,
  ) {
    this.fallback = JSON.stringify(defaultPacing(config));
  }

  /** In the (worker) transaction that refused these messages. */
  async tellRefused(query: Query, refused: readonly RefusedByLimit[]): Promise<void> {
    if (refused.length === 0) return;
    const reached = await query<ReachedLimit & object>(TELL_DAILY, [
      refused.map(({ tenantId }) => tenantId),
      refused.map(({ sessionId }) => sessionId),
      refused.map(({ whose }) => whose),
    ]);
    await this.events.append(
      query,
      reached.map((limit) => reachedEvent(limit, 'refused')),
    );
  }

  /**
   * In the (worker) transaction of a claim to which the session's policy gave nothing.
   * @param toStrangers only what is to people who never wrote has to wait
   */
  async tellPaced(query: Query, sessionId: string, toStrangers = false): Promise<void> {
    const reached = await query<ReachedLimit & object>(TELL_PACED, [sessionId, this.fallback, toStrangers]);
    await this.events.append(
      query,
      reached.map((limit) => reachedEvent(limit, 'held')),
    );
  }
}

function reachedEvent(limit: ReachedLimit, messages: 'refused' | 'held'): NewEvent {
  const { tenantId, sessionId, name, most, resetsAt } = limit;
  return {
    tenantId,
    sessionId: sessionId === '' ? null : sessionId,
    type: 'limit.reached',
    data: { limit: name, most: Number(most), resetsAt, messages },
  };
}
