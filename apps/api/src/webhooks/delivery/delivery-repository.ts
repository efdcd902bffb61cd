import { Injectable } from '@nestjs/common';
import type { EventEnvelope } from '#contracts';
import { Database } from '#database';
import { ApiProcess } from '../../api-process.js';
import { EventRepository, toEnvelope, type StoredEvent } from '../../event-feed/index.js';
import {
  WEBHOOK_COLUMNS,
  type DeliveryAttempt,
  type DisabledReason,
  type StoredWebhook,
} from '../webhook.js';
import type { BreakerState } from './circuit-breaker.js';

/** How long a process may be silent before another one takes its webhooks over. */
export const LEASE_SECONDS = 30;

/** An event on its way to a webhook. */
export interface Delivery {
  event: EventEnvelope;
  /** Its row, from the second attempt on. */
  row: { id: string; attempts: number } | null;
}

/** The end of an attempt, as it is to be written. */
export interface DeliveryResult {
  /** Of its row, when it has none yet: the same when a write has to be repeated. */
  id: string;
  delivery: Delivery;
  attempt: DeliveryAttempt;
  /** When it is tried again; null: it has ended. */
  nextAt: Date | null;
  isDelivered: boolean;
}

export interface NewEvents {
  events: EventEnvelope[];
  /** Everything up to here was looked at. */
  lastSeq: number;
  hasMore: boolean;
}

/** Which webhooks a process wants to deliver to. */
export interface LeaseWish {
  /** null: of any tenant. */
  tenantId: string | null;
  most: number;
  /** How many of each tenant it has already. */
  held: Record<string, number>;
  mostPerTenant: number;
}

/** What a lane has found out since it wrote last. */
export interface Progress {
  results: readonly DeliveryResult[];
  cursorSeq: number;
  breaker: BreakerState;
  disable: DisabledReason | null;
  /** Give the webhook back. */
  release: boolean;
}

const GONE_PROCESS = `split_part(w.leased_by, ' ', 1) <> ALL (
  SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'wagate-api-%')`;
const FREE = `w.enabled AND (w.leased_until IS NULL OR w.leased_until <= now() OR ${GONE_PROCESS})`;

/**
 * Webhooks of any tenant with something to deliver that nobody delivers: nobody has them, or who had them is gone or
 * was silent for too long. Tenants take turns, those that fail come last, and none gets more than its part ($6) with
 * what it has already ($5). Each lease has a name of its own.
 */
const LEASE = {
  name: 'webhooks_lease',
  text: `WITH candidates AS (
      SELECT w.tenant_id, w.id, coalesce(($5::jsonb ->> w.tenant_id)::int, 0) + row_number() OVER (
        PARTITION BY w.tenant_id ORDER BY w.failures > 0, w.leased_until NULLS FIRST) AS place
      FROM webhooks w
      JOIN tenants t ON t.id = w.tenant_id AND t.status = 'active'
      LEFT JOIN event_counters c ON c.tenant_id = w.tenant_id
      WHERE ${FREE} AND ($3::text IS NULL OR w.tenant_id = $3)
        AND (w.open_until IS NULL OR w.open_until <= now())
        AND (w.cursor_seq < c.last_seq OR EXISTS (SELECT FROM webhook_deliveries d WHERE d.tenant_id = w.tenant_id
          AND d.webhook_id = w.id AND d.state = 'pending' AND d.next_at <= now()))
    ), due AS (
      SELECT w.tenant_id, w.id FROM candidates c JOIN webhooks w ON w.tenant_id = c.tenant_id AND w.id = c.id
      WHERE ${FREE} AND c.place <= $6 ORDER BY c.place LIMIT $4 FOR UPDATE OF w SKIP LOCKED
    )
    UPDATE webhooks w SET leased_by = $1 || ' ' || gen_random_uuid(), leased_until = now() + make_interval(secs => $2)
    FROM due WHERE w.tenant_id = due.tenant_id AND w.id = due.id RETURNING ${WEBHOOK_COLUMNS}`,
};

const DUE = {
  name: 'webhook_deliveries_due',
  text: `SELECT d.id AS "deliveryId", jsonb_array_length(d.attempts) AS attempts, d.event_id AS "eventId",
      e.id, e.seq::float8 AS seq, e.type, e.data, e.created_at AS "createdAt", d.tenant_id AS "tenantId",
      e.session_id AS "sessionId", s.name AS "sessionName"
    FROM webhook_deliveries d
    LEFT JOIN events e ON e.tenant_id = d.tenant_id AND e.id = d.event_id
      AND ($5::text[] IS NULL OR e.session_id = ANY ($5))
    LEFT JOIN sessions s ON s.tenant_id = e.tenant_id AND s.id = e.session_id
    WHERE d.tenant_id = $1 AND d.webhook_id = $2 AND d.state = 'pending' AND d.next_at <= now()
      AND d.id <> ALL ($3::text[])
    ORDER BY d.next_at LIMIT $4`,
};

/** Their events are no longer kept, or no longer wanted: nothing can be delivered. */
const GONE = `UPDATE webhook_deliveries SET state = 'failed', next_at = NULL, ended_at = now()
  WHERE tenant_id = $1 AND id = ANY ($2)`;

type DueRow = Omit<StoredEvent, 'id'> & {
  deliveryId: string;
  attempts: number;
  eventId: string;
  id: string | null;
};

/** What deliveries need of the database. A lease says which process delivers to a webhook. */
@Injectable()
export class DeliveryRepository {
  constructor(
    private readonly database: Database,
    private readonly events: EventRepository,
    private readonly self: ApiProcess,
  ) {}

  /** Takes webhooks that have something to deliver. */
  lease({ tenantId, most, held, mostPerTenant }: LeaseWish): Promise<StoredWebhook[]> {
    const values = [this.self.name, LEASE_SECONDS, tenantId, most, JSON.stringify(held), mostPerTenant];
    return this.database.workerSql((query) => query<StoredWebhook & object>(LEASE, values));
  }

  /** Events behind `afterSeq` that the webhook wants, oldest first. */
  async listNew(webhook: StoredWebhook, afterSeq: number, limit: number): Promise<NewEvents> {
    const slice = await this.events.list(webhook, webhook.eventTypes ? { types: webhook.eventTypes } : {}, {
      after: afterSeq,
      limit,
    });
    return { events: slice.events.map(toEnvelope), lastSeq: slice.lastSeq, hasMore: slice.hasMore };
  }

  /** Deliveries whose next attempt is due, but for those in `known`. */
  async listDue(webhook: StoredWebhook, known: readonly string[], limit: number): Promise<Delivery[]> {
    const { tenantId, id } = webhook;
    const rows = await this.database.tenantSql(tenantId, async (query) => {
      const due = await query<DueRow & object>(DUE, [tenantId, id, known, limit, webhook.sessionIds]);
      const gone = due.filter((row) => row.id === null).map((row) => row.deliveryId);
      if (gone.length > 0) await query(GONE, [tenantId, gone]);
      return due;
    });
    return rows.flatMap((row) =>
      row.id === null
        ? []
        : [
            {
              event: toEnvelope({ ...row, id: row.id }),
              row: { id: row.deliveryId, attempts: row.attempts },
            },
          ],
    );
  }
}
