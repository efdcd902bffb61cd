import { Injectable } from '@nestjs/common';
import type { EventType, MessageStatus } from '#contracts';
import { Database, planByAverages, type Query } from '#database';
import { UNKNOWN_BLOCK_SECONDS } from '../dispatcher/claim-repository.js';
import { SESSION_COLUMNS, type StoredSession } from '../../nodes/index.js';
import { EventDeliveryRepository, type EventDelivery, type WebhookVisibility } from '../../webhooks/index.js';
import { COUNTED_AHEAD } from './diagnosis-facts.js';

/** What the row of a message tells of its way. */
export interface TimedMessage {
  id: string;
  sessionId: string;
  direction: 'in' | 'out';
  origin: string;
  type: string;
  status: MessageStatus;
  ack: number | null;
  waMessageId: string | null;
  errorCode: string | null;
  errorDetail: string | null;
  attempts: number;
  priority: number;
  createdAt: Date;
  occurredAt: Date;
  dueAt: Date;
  expiresAt: Date | null;
  sentAt: Date | null;
  deliveredAt: Date | null;
  readAt: Date | null;
  endedAt: Date | null;
  editedAt: Date | null;
  revokedAt: Date | null;
}

export interface TimedAttempt {
  /** Without those that never reached a node: the newest one's is the number of attempts that its message shows. */
  number: number;
  waMessageId: string;
  nodeName: string;
  epoch: number;
  outcome: string | null;
  reason: string | null;
  startedAt: Date;
  calledAt: Date | null;
  endedAt: Date | null;
  lookups: number;
  lookupAt: Date | null;
}

export interface TimedEvent {
  id: string;
  seq: number | null;
  type: EventType;
  createdAt: Date;
  status: string | null;
}

export interface TimedMedia {
  state: 'pending' | 'stored' | 'expired' | 'failed';
  error: string | null;
  attempts: number;
  nextAttemptAt: Date | null;
  createdAt: Date;
  storedAt: Date | null;
}

/** What became of the events of a message at webhooks. */
export interface TimedDeliveries {
  /** `SHOWN_DELIVERIES` at most. */
  deliveries: EventDelivery[];
  isCut: boolean;
}

export interface TimelineFacts {
  message: TimedMessage;
  session: StoredSession;
  attempts: TimedAttempt[];
  events: TimedEvent[];
  /** null: not to be seen. */
  webhooks: TimedDeliveries | null;
  media: TimedMedia | undefined;
  ahead: number;
  isChatBlocked: boolean;
}

const SHOWN_DELIVERIES = 100;
/** A message that many people react to has more; of the newest ones the deliveries are looked for. */
const EVENTS_WITH_DELIVERIES = 100;

const MESSAGE = {
  name: 'timeline_message',
  text: `SELECT m.id, m.session_id AS "sessionId", m.direction, m.origin, m.type, m.status, m.ack,
      m.wa_message_id AS "waMessageId", m.error_code AS "errorCode", m.error_detail AS "errorDetail", m.attempts, m.priority, m.created_at AS "createdAt", m.occurred_at AS "occurredAt",
      m.due_at AS "dueAt", m.expires_at AS "expiresAt", m.sent_at AS "sentAt", m.delivered_at AS "deliveredAt",
      m.read_at AS "readAt", m.ended_at AS "endedAt", m.edited_at AS "editedAt", m.revoked_at AS "revokedAt"
    FROM messages m WHERE m.tenant_id = $1 AND m.id = $2`,
};
const SESSION = {
  name: 'timeline_session',
  text: `SELECT ${SESSION_COLUMNS} FROM sessions WHERE tenant_id = $1 AND id = $2`,
};
const ATTEMPTS = {
  name: 'timeline_attempts',
  text: `SELECT (row_number() OVER (ORDER BY number))::int AS number, wa_message_id AS "waMessageId", node_name AS "nodeName", epoch, outcome, reason,
      started_at AS "startedAt", called_at AS "calledAt", ended_at AS "endedAt", lookups, lookup_at AS "lookupAt"
    FROM message_attempts WHERE tenant_id = $1 AND message_id = $2 ORDER BY message_attempts.number`,
};
/** Also those that are not numbered yet. */
const EVENTS = {
  name: 'timeline_events',
  text: `SELECT id, seq::float8 AS seq, type, created_at AS "createdAt", data ->> 'status' AS status FROM events
    WHERE tenant_id = $1 AND data ? 'messageId' AND data ->> 'messageId' = $2 ORDER BY position`,
};
const MEDIA = {
  name: 'timeline_media',
  text: `SELECT d.state, d.error, d.attempts, d.next_attempt_at AS "nextAttemptAt", d.created_at AS "createdAt",
      d.stored_at AS "storedAt"
    FROM messages m JOIN media d ON d.tenant_id = m.tenant_id AND d.id = m.media_id
    WHERE m.tenant_id = $1 AND m.id = $2`,
};
const AHEAD = {
  name: 'timeline_ahead',
  text: `SELECT count(*)::int AS count FROM (SELECT FROM messages q WHERE q.tenant_id = $1 AND q.session_id = $2
      AND q.status = 'queued' AND (q.priority > $3 OR q.priority = $3 AND q.id < $4)
    LIMIT ${String(COUNTED_AHEAD)}) ahead`,
};
/** By what a claim goes by. */
const BLOCKED = {
  name: 'timeline_blocked',
  text: `SELECT EXISTS (SELECT FROM messages m JOIN sessions s ON s.tenant_id = m.tenant_id AND s.id = m.session_id
    JOIN messages b ON b.tenant_id = m.tenant_id AND b.session_id = m.session_id
      AND b.chat_wa_id = m.chat_wa_id AND b.id <> m.id
    LEFT JOIN message_attempts a ON a.tenant_id = b.tenant_id AND a.message_id = b.id AND a.number = b.claims
    WHERE (b.status = 'queued' AND b.due_at > now() AND b.claims > 0 OR b.status = 'unknown' AND (s.strict_order
        OR coalesce(a.ended_at, now()) > now() - interval '${String(UNKNOWN_BLOCK_SECONDS)} s'))
      AND m.tenant_id = $1 AND m.id = $2) AS blocked`,
};

/** Collects what is known of the way of one message of a tenant. Who may see it was looked at before. */
@Injectable()
export class TimelineRepository {
  constructor(
    private readonly database: Database,
    private readonly eventDeliveries: EventDeliveryRepository,
  ) {}

  /**
   * Undefined when the message is gone meanwhile.
   * @param webhookViewer whose webhooks are looked at; null: none
   */
  find(
    tenantId: string,
    messageId: string,
    webhookViewer: WebhookVisibility | null,
  ): Promise<TimelineFacts | undefined> {
    return this.database.tenantSql(tenantId, async (query) => {
      await planByAverages(query);
      const key = [tenantId, messageId];
      const [message] = await query<TimedMessage & object>(MESSAGE, key);
      const [session] = await query<StoredSession>(SESSION, [tenantId, message?.sessionId]);
      if (!message || !session) return undefined;
      const attempts = await query<TimedAttempt & object>(ATTEMPTS, key);
      const events = await query<TimedEvent & object>(EVENTS, key);
      const [media] = await query<TimedMedia & object>(MEDIA, key);
      const waiting = message.status === 'queued' ? await findWaiting(query, tenantId, message) : NOT_WAITING;
      const webhooks =
        webhookViewer && (await this.findDeliveries(query, webhookViewer, message.sessionId, events));
      return { message, session, attempts, events, webhooks, media, ...waiting };
    });
  }

  private async findDeliveries(
    query: Query,
    viewer: WebhookVisibility,
    sessionId: string,
    events: readonly TimedEvent[],
  ): Promise<TimedDeliveries> {
    const search = {
      sessionId,
      events: events.slice(-EVENTS_WITH_DELIVERIES),
      limit: SHOWN_DELIVERIES + 1,
    };
    const found = await this.eventDeliveries.list(query, viewer, search);
    const isCut = found.length > SHOWN_DELIVERIES || events.length > EVENTS_WITH_DELIVERIES;
    return { deliveries: found.slice(0, SHOWN_DELIVERIES), isCut };
  }
}

const NOT_WAITING = { ahead: 0, isChatBlocked: false };

async function findWaiting(
  query: Query,
  tenantId: string,
  { id, sessionId, priority }: TimedMessage,
): Promise<{ ahead: number; isChatBlocked: boolean }> {
  const [before] = await query<{ count: number }>(AHEAD, [tenantId, sessionId, priority, id]);
  const [held] = await query<{ blocked: boolean }>(BLOCKED, [tenantId, id]);
  return { ahead: before?.count ?? 0, isChatBlocked: held?.blocked ?? false };
}
