import { Injectable } from '@nestjs/common';
import type { MessageStatus } from '#contracts';
import type { Query } from '#database';
import { EventLog } from '../events/index.js';
import { statusEvents } from './message-events.js';
import { StopSignals, type StopSignal } from '../pacing/index.js';
import type { MessageProgress } from './message-progress.js';

/** What of a message can change after it was written. */
export interface MessageState extends MessageProgress {
  tenantId: string;
  id: string;
  sessionId: string;
  chatId: string;
  attempts: number;
  /** How often it was claimed: the number of its newest attempt. Only a claim changes it. */
  claims: number;
  waMessageId: string | null;
  waKey: string | null;
  errorDetail: string | null;
  dueAt: Date;
  occurredAt: Date;
  endedAt: Date | null;
}

export const STATE_COLUMNS = `m.tenant_id AS "tenantId", m.id, m.session_id AS "sessionId", m.chat_wa_id AS "chatId",
  m.status, m.ack, m.attempts, m.claims, m.wa_message_id AS "waMessageId", m.wa_key AS "waKey", m.error_code AS "errorCode",
  m.error_detail AS "errorDetail", m.due_at AS "dueAt", m.occurred_at AS "occurredAt", m.sent_at AS "sentAt",
  m.delivered_at AS "deliveredAt", m.read_at AS "readAt", m.ended_at AS "endedAt"`;

const SAVE = {
  name: 'messages_save',
  text: `UPDATE messages m SET status = c.status, ack = c.ack, attempts = c.attempts, chat_wa_id = c."chatId",
      wa_message_id = c."waMessageId", wa_key = c."waKey", error_code = c."errorCode", error_detail = c."errorDetail",
      due_at = c."dueAt", occurred_at = c."occurredAt", sent_at = c."sentAt", delivered_at = c."deliveredAt",
      read_at = c."readAt", ended_at = c."endedAt"
    FROM jsonb_to_recordset($1::jsonb) AS c("tenantId" text, id text, "chatId" text, status text, ack smallint,
      attempts smallint, "waMessageId" text, "waKey" text, "errorCode" text, "errorDetail" text,
      "dueAt" timestamptz, "occurredAt" timestamptz, "sentAt" timestamptz, "deliveredAt" timestamptz,
      "readAt" timestamptz, "endedAt" timestamptz)
    WHERE m.tenant_id = c."tenantId" AND m.id = c.id`,
};

/**
 * Counts on one of a counter's 16 rows that no other transaction counts on: who counts holds messages, and must not wait
 * for somebody who waits for those.
 */
const COUNT = {
  name: 'messages_count',
  text: `WITH tallies AS MATERIALIZED (
      SELECT * FROM jsonb_to_recordset($1::jsonb)
        AS c(tenant text, session text, sent bigint, delivered bigint, failed bigint, received bigint)
    ), shards AS MATERIALIZED (
      SELECT t.tenant, coalesce((SELECT (pg_backend_pid() + i) % 16 FROM generate_series(0, 15) AS i
        WHERE pg_try_advisory_xact_lock(hashtextextended('counts of ' || t.tenant, (pg_backend_pid() + i) % 16))
        LIMIT 1), pg_backend_pid() % 16) AS shard
      FROM (SELECT DISTINCT tenant FROM tallies) t
    )
    INSERT INTO usage_daily AS u (tenant_id, day, session_id, shard, sent, delivered, failed, received)
    SELECT c.tenant, (now() AT TIME ZONE 'utc')::date, s.id, shards.shard, sum(c.sent), sum(c.delivered),
      sum(c.failed), sum(c.received)
    FROM tallies c JOIN shards ON shards.tenant = c.tenant CROSS JOIN LATERAL (VALUES (''), (c.session)) AS s (id)
    GROUP BY c.tenant, s.id, shards.shard ORDER BY c.tenant, s.id
    ON CONFLICT (tenant_id, day, session_id, shard) DO UPDATE SET sent = u.sent + excluded.sent,
      delivered = u.delivered + excluded.delivered, failed = u.failed + excluded.failed,
      received = u.received + excluded.received`,
};

/** Counters of one session's messages. */
export interface Tally {
  tenant: string;
  session: string;
  sent?: number;
  delivered?: number;
  failed?: number;
  received?: number;
}

export interface MessageChange {
  before: MessageState;
  after: MessageState;
}

/** Writes changes of messages, of any tenants, in bulk. Needs a worker transaction that has locked their rows. */
@Injectable()
export class MessageChanges {
  constructor(
    private readonly events: EventLog,
    private readonly signals: StopSignals,
  ) {}

  /** Saves the changes, counts what was sent, delivered and failed by them, and tells the tenants. */
  async save(query: Query, changes: readonly MessageChange[]): Promise<void> {
    if (changes.length === 0) return;
    await query(SAVE, [JSON.stringify(changes.map(({ after }) => after))]);
    await this.count(query, changes.map(tallyOf));
    await this.signals.note(query, changes.flatMap(signalOf));
    const moved = changes.filter(({ before, after }) => before.status !== after.status);
    await this.tell(
      query,
      moved.map(({ after }) => after),
    );
  }

  /** Tells the tenants of messages that have just got the status they have, however they were saved. */
  async tell(query: Query, messages: readonly MessageState[]): Promise<void> {
    await this.events.append(query, statusEvents(messages));
  }

  async count(query: Query, tallies: readonly Tally[]): Promise<void> {
    const some = tallies.filter((one) => one.sent || one.delivered || one.failed || one.received);
    if (some.length === 0) return;
    const filled = some.map((one) => ({ sent: 0, delivered: 0, failed: 0, received: 0, ...one }));
    await query(COUNT, [JSON.stringify(filled)]);
  }
}

const SENT: ReadonlySet<MessageStatus> = new Set(['sent', 'delivered', 'read', 'played']);
const DELIVERED: ReadonlySet<MessageStatus> = new Set(['delivered', 'read', 'played']);

/** What of a change tells that WhatsApp may want the session to stop. */
function signalOf({ before, after }: MessageChange): StopSignal[] {
  if (before.status === after.status) return [];
  const { tenantId, sessionId, status, errorCode } = after;
  // With a key it was handed over; without an ack, or with WhatsApp's refusal, nothing came back.
  const isUnacknowledged = after.waKey !== null && (status === 'unknown' || after.ack === -1);
  if (isUnacknowledged) return [{ tenantId, sessionId, kind: 'unacknowledged' }];
  const isUnregistered = status === 'failed' && errorCode === 'not_on_whatsapp';
  return isUnregistered ? [{ tenantId, sessionId, kind: 'not_on_whatsapp' }] : [];
}

function tallyOf({ before, after }: MessageChange): Tally {
  const entered = (set: ReadonlySet<MessageStatus>) =>
    Number(set.has(after.status) && !set.has(before.status));
  return {
    tenant: after.tenantId,
    session: after.sessionId,
    sent: entered(SENT),
    delivered: entered(DELIVERED),
    failed: Number(after.status === 'failed' && before.status !== 'failed'),
  };
}
