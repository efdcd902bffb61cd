import { Injectable } from '@nestjs/common';
import type { Query } from '#database';
import type { DeliveryAttempt } from './webhook.js';
import { VISIBLE, type WebhookVisibility } from './webhook-repository.js';

/** One event for one webhook: a row of the log, or an event that the webhook is still to get. */
export interface EventDelivery {
  /** null: no attempt has ended yet. */
  id: string | null;
  webhookId: string;
  url: string;
  eventId: string;
  eventType: string;
  cause: 'event' | 'replay' | 'redelivery';
  state: 'waiting' | 'pending' | 'delivered' | 'failed';
  attempts: number;
  /** Of the last attempt. */
  status: DeliveryAttempt['status'];
  error: DeliveryAttempt['error'];
  /** null: it has ended, it is about to be tried first, or its webhook is switched off. */
  nextAt: Date | null;
  endedAt: Date | null;
  /** The webhook has the event, be it by another delivery. */
  isTaken: boolean;
  isEnabled: boolean;
  /** The webhook's first failure in a row. */
  failingSince: Date | null;
}

/** Events of one session, and how many of their deliveries are wanted. */
export interface DeliverySearch {
  sessionId: string;
  /** `seq` is null while it is being numbered. */
  events: readonly { id: string; seq: number | null; type: string }[];
  limit: number;
}

/** A webhook that was bound to other sessions later does not show what it got of this one before. */
const OF_EVENTS = {
  name: 'webhook_deliveries_of_events',
  text: `WITH told AS (
      SELECT e.id, e.seq, e.type FROM unnest($4::text[], $5::bigint[], $6::text[]) AS e (id, seq, type)
    ), seen AS (
      SELECT w.id, w.url, w.event_types, w.cursor_seq, w.enabled, w.failing_since, w.open_until FROM webhooks w
      WHERE ${VISIBLE} AND (w.session_ids IS NULL OR $7 = ANY (w.session_ids))
    ), logged AS (
      SELECT d.id, d.webhook_id, d.event_id, d.event_type, d.cause, d.state, d.next_at, d.ended_at,
        jsonb_array_length(d.attempts) AS attempts, d.attempts -> -1 AS last,
        bool_or(d.state = 'delivered') OVER (PARTITION BY d.webhook_id, d.event_id) AS taken
      FROM webhook_deliveries d WHERE d.tenant_id = $1 AND d.seq = ANY ($5)
    ), found AS (
      SELECT l.id, s.id AS "webhookId", s.url, l.event_id AS "eventId", l.event_type AS "eventType", l.cause, l.state,
        l.attempts, (l.last ->> 'status')::int AS status, l.last ->> 'error' AS error,
        CASE WHEN l.state = 'pending' AND s.enabled THEN greatest(l.next_at, s.open_until) END AS "nextAt",
        l.ended_at AS "endedAt", l.taken AS "isTaken", s.enabled AS "isEnabled", s.failing_since AS "failingSince"
      FROM logged l JOIN seen s ON s.id = l.webhook_id
      UNION ALL
      SELECT NULL, s.id, s.url, e.id, e.type, 'event', 'waiting', 0, NULL, NULL,
        CASE WHEN s.enabled THEN s.open_until END, NULL,
        EXISTS (SELECT FROM logged l WHERE l.webhook_id = s.id AND l.event_id = e.id AND l.taken),
        s.enabled, s.failing_since
      FROM seen s JOIN told e ON (e.seq IS NULL OR e.seq > s.cursor_seq)
        AND (s.event_types IS NULL OR e.type = ANY (s.event_types))
      WHERE NOT EXISTS (SELECT FROM logged l WHERE l.webhook_id = s.id AND l.event_id = e.id AND l.cause = 'event')
    )
    SELECT * FROM found f ORDER BY f.state = 'delivered', f.id DESC NULLS FIRST, f."eventId" DESC, f."webhookId" LIMIT $8`,
};

/** Finds what became of single events at all the webhooks that get them. */
@Injectable()
export class EventDeliveryRepository {
  /** What is not delivered comes first, then the newest. */
  async list(
    query: Query,
    { tenantId, mode, sessionIds }: WebhookVisibility,
    { sessionId, events, limit }: DeliverySearch,
  ): Promise<EventDelivery[]> {
    if (events.length === 0) return [];
    return query<EventDelivery & object>(OF_EVENTS, [
      tenantId,
      mode,
      sessionIds,
      events.map(({ id }) => id),
      events.map(({ seq }) => seq),
      events.map(({ type }) => type),
      sessionId,
      limit,
    ]);
  }
}
