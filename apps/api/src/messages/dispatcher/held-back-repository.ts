import { Inject, Injectable } from '@nestjs/common';
import type { Query } from '#database';
import { API_CONFIG, type ApiConfig } from '../../config.js';
import { defaultPacing } from '../../pacing/index.js';
import type { MessageState } from '../message-changes.js';
import { UNKNOWN_BLOCK_SECONDS } from './claim-repository.js';
import { COUNTED_PLACES, whyExpired, type HoldingFacts } from './held-back.js';

/**
 * By what claims go by, once per session: its state, its pause, what its chats wait for, its queue, its policy. The
 * limits are asked of the same function, each alone. Nothing more is looked at of a session that sends nothing.
 */
const READ = {
  name: 'messages_held_back',
  text: `WITH held AS MATERIALIZED (
      SELECT m.tenant_id, m.session_id, m.id, m.chat_wa_id, m.claims, m.due_at, m.expires_at
      FROM unnest($1::text[], $2::text[]) AS r (tenant_id, id) JOIN messages m ON m.tenant_id = r.tenant_id AND m.id = r.id
    ), owners AS MATERIALIZED (
      SELECT s.tenant_id, s.id, s.state, s.reason, s.since, s.linked_at, s.strict_order, s.desired = 'running' AS running,
        s.paused_at, s.pause_reason, coalesce(n.last_seen_at > now() - interval '20 s', false) AS heard,
        greatest(h.newest, now() - interval '5 s') AS moment, wagate_pacing_of(s.pacing, s.mode, $3::jsonb) AS policy
      FROM (SELECT tenant_id, session_id, max(expires_at) AS newest FROM held GROUP BY tenant_id, session_id) h
      JOIN sessions s ON s.tenant_id = h.tenant_id AND s.id = h.session_id LEFT JOIN nodes n ON n.name = s.node_name
    ), senders AS MATERIALIZED (
      SELECT * FROM owners WHERE state = 'connected' AND running AND heard AND paused_at IS NULL
    ), limits AS MATERIALIZED (
      SELECT o.id, array_agg(l.name) AS names FROM senders o
      CROSS JOIN LATERAL (VALUES
        ('gapMs', jsonb_build_object('gapMs', o.policy -> 'gapMs', 'jitterMs', o.policy -> 'jitterMs')),
        ('perMinute', jsonb_build_object('perMinute', o.policy -> 'perMinute')),
        ('perHour', jsonb_build_object('perHour', o.policy -> 'perHour')),
        ('perDay', jsonb_build_object('perDay', o.policy -> 'perDay')),
        ('ramp', CASE WHEN o.policy ? 'ramp'
          THEN jsonb_build_object('perDay', o.policy -> 'perDay', 'ramp', o.policy -> 'ramp') ELSE '{}' END),
        ('strangersPerDay', jsonb_build_object('strangersPerDay', o.policy -> 'strangersPerDay'))
      ) AS l (name, part)
      CROSS JOIN LATERAL wagate_pacing_allowance(o.id, jsonb_strip_nulls(l.part), o.linked_at, 1, o.moment) a
      WHERE o.policy IS NOT NULL AND (a.room = 0 OR a.strangers = 0) GROUP BY o.id
    ), waiting AS MATERIALIZED (
      SELECT o.id AS session_id, w.* FROM senders o CROSS JOIN LATERAL (
        SELECT q.id, q.chat_wa_id AS chat, 'retry' AS kind FROM messages q
        WHERE q.session_id = o.id AND q.status = 'queued' AND q.claims > 0 AND q.due_at > o.moment
        UNION ALL
        SELECT q.id, q.chat_wa_id, CASE q.status WHEN 'unknown' THEN 'unknown' ELSE 'sending' END FROM messages q
        LEFT JOIN message_attempts a ON a.tenant_id = q.tenant_id AND a.message_id = q.id AND a.number = q.claims
        WHERE q.session_id = o.id AND q.status IN ('sending', 'unknown') AND CASE q.status WHEN 'sending'
          THEN a.ended_at IS NULL ELSE o.strict_order
            OR coalesce(a.ended_at, now()) > o.moment - interval '${String(UNKNOWN_BLOCK_SECONDS)} s' END) w
    ), blocked AS (
      SELECT DISTINCT ON (h.tenant_id, h.id) h.tenant_id, h.id, w.kind FROM held h
      JOIN waiting w ON w.session_id = h.session_id AND w.chat = h.chat_wa_id AND w.id <> h.id
      ORDER BY h.tenant_id, h.id, array_position(ARRAY['unknown', 'retry', 'sending'], w.kind)
    ), places AS MATERIALIZED (
      SELECT o.id AS session_id, ARRAY(SELECT q.id FROM messages q
        WHERE q.session_id = o.id AND q.status = 'queued'
        ORDER BY q.priority DESC, q.id LIMIT ${String(COUNTED_PLACES)}) AS ids FROM senders o
    )
    SELECT h.id, h.expires_at AS "expiresAt", now() AS "seenAt", o.state, o.reason, o.since, o.running AS "isRunning",
      o.paused_at AS "pausedAt", o.pause_reason AS "pauseReason", o.heard AS "isHeard", h.claims,
      h.claims > 0 AND h.due_at > h.expires_at AS "isRetryLate",
      (SELECT a.reason FROM message_attempts a WHERE a.tenant_id = h.tenant_id AND a.message_id = h.id
        AND a.number = h.claims) AS "attemptReason",
      b.kind AS "blockedBy", coalesce(l.names, '{}') AS limits,
      CASE WHEN 'strangersPerDay' = ANY (l.names) THEN wagate_is_stranger(h.tenant_id, h.session_id, h.chat_wa_id)
        ELSE false END AS "isStrangerHeld",
      CASE WHEN p.ids IS NULL THEN 0
        ELSE coalesce(array_position(p.ids, h.id) - 1, ${String(COUNTED_PLACES)}) END AS ahead
    FROM held h JOIN owners o ON o.tenant_id = h.tenant_id AND o.id = h.session_id
    LEFT JOIN limits l ON l.id = o.id LEFT JOIN places p ON p.session_id = o.id
    LEFT JOIN blocked b ON b.tenant_id = h.tenant_id AND b.id = h.id`,
};

/** Looks at what holds back messages, of any tenants, at the moment at which their time is over. */
@Injectable()
export class HeldBackRepository {
  private readonly fallback: string;

  constructor(@Inject(API_CONFIG) config: ApiConfig) {
    this.fallback = JSON.stringify(defaultPacing(config));
  }

  /** In the (worker) transaction that ends them; by their ids, in plain words. */
  async explain(
    query: Query,
    expired: readonly Pick<MessageState, 'tenantId' | 'id'>[],
  ): Promise<Map<string, string>> {
    if (expired.length === 0) return new Map();
    const facts = await query<HoldingFacts & object>(READ, [
      expired.map(({ tenantId }) => tenantId),
      expired.map(({ id }) => id),
      this.fallback,
    ]);
    return new Map(facts.map((one) => [one.id, whyExpired(one)]));
  }
}
