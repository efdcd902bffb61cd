import { Injectable } from '@nestjs/common';
import type { EventEnvelope } from '#contracts';
import { Database, type Query } from '#database';
import { ApiProcess } from '../../api-process.js';
import { EventRepository, toEnvelope, type StoredEvent } from '../../event-feed/index.js';
import { EventLog } from '../../events/index.js';
import {
  WEBHOOK_COLUMNS,
  type DeliveryAttempt,
  type DisabledReason,
  type StoredWebhook,
} from '../webhook.js';
import type { BreakerState } from './circuit-breaker.js';

/** How long a process may be silent before another one takes its webhooks over. */
const LEASE_SECONDS = 30;

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

/** What a lane has found out since it wrote last. */
export interface Progress {
  results: readonly DeliveryResult[];
  cursorSeq: number;
  breaker: BreakerState;
  disable: DisabledReason | null;
  /** Give the webhook back. */
  release: boolean;
}

/**
 * Webhooks of any tenant with something to deliver that nobody delivers: nobody has them, or who had them is gone or
 * was silent for too long. Each lease has a name of its own.
 */
const LEASE = {
  name: 'webhooks_lease',
  text: `WITH due AS (
      SELECT w.tenant_id, w.id FROM webhooks w
      JOIN tenants t ON t.id = w.tenant_id AND t.status = 'active'
      LEFT JOIN event_counters c ON c.tenant_id = w.tenant_id
      WHERE w.enabled AND ($3::text IS NULL OR w.tenant_id = $3)
        AND (w.leased_until IS NULL OR w.leased_until <= now() OR split_part(w.leased_by, ' ', 1) <> ALL (
          SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'wagate-api-%'))
        AND (w.open_until IS NULL OR w.open_until <= now())
        AND (w.cursor_seq < c.last_seq OR EXISTS (SELECT FROM webhook_deliveries d WHERE d.tenant_id = w.tenant_id
          AND d.webhook_id = w.id AND d.state = 'pending' AND d.next_at <= now()))
      ORDER BY w.leased_until NULLS FIRST LIMIT $4 FOR UPDATE OF w SKIP LOCKED
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

/** Only for whoever holds the lease; zero rows: it is lost, or the webhook was changed meanwhile. */
const ADVANCE = {
  name: 'webhooks_advance',
  text: `UPDATE webhooks SET cursor_seq = greatest(cursor_seq, $4), failures = $5, failing_since = $6, open_until = $7,
      leased_by = CASE WHEN $9 THEN NULL ELSE leased_by END,
      leased_until = CASE WHEN $9 THEN now() ELSE now() + make_interval(secs => $8) END
    WHERE tenant_id = $1 AND id = $2 AND leased_by = $3 AND enabled RETURNING id`,
};

const ADD = {
  name: 'webhook_deliveries_add',
  text: `INSERT INTO webhook_deliveries (tenant_id, id, webhook_id, event_id, seq, event_type, cause, state, attempts,
      next_at, ended_at)
    SELECT $1, r.id, $2, r.event, r.seq, r.type, 'event', r.state, jsonb_build_array(r.attempt), r.next_at,
      CASE WHEN r.next_at IS NULL THEN now() END
    FROM jsonb_to_recordset($3::jsonb) AS r(id text, event text, seq bigint, type text, state text, attempt jsonb,
      next_at timestamptz) ON CONFLICT DO NOTHING`,
};

const CONTINUE = {
  name: 'webhook_deliveries_continue',
  text: `UPDATE webhook_deliveries d SET attempts = d.attempts || r.attempt, state = r.state, next_at = r.next_at,
      ended_at = CASE WHEN r.next_at IS NULL THEN now() END
    FROM jsonb_to_recordset($2::jsonb) AS r(id text, state text, attempt jsonb, next_at timestamptz,
      before integer)
    WHERE d.tenant_id = $1 AND d.id = r.id AND jsonb_array_length(d.attempts) = r.before`,
};

const DISABLE = `UPDATE webhooks SET enabled = false, disabled_reason = $3, disabled_at = now(), updated_at = now(),
    leased_by = NULL, leased_until = NULL WHERE tenant_id = $1 AND id = $2`;

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
    private readonly log: EventLog,
    private readonly self: ApiProcess,
  ) {}

  /** Takes webhooks that have something to deliver, of one tenant or of all. */
  lease(tenantId: string | null, most: number): Promise<StoredWebhook[]> {
    return this.database.workerSql((query) =>
      query<StoredWebhook & object>(LEASE, [this.self.name, LEASE_SECONDS, tenantId, most]),
    );
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

  /** Writes what came of attempts and keeps the lease. False: it is lost, and nothing was written. */
  record(webhook: StoredWebhook, progress: Progress): Promise<boolean> {
    const { tenantId, id } = webhook;
    const { breaker, disable } = progress;
    return this.database.tenantSql(tenantId, async (query) => {
      const held = await query(ADVANCE, [
        tenantId,
        id,
        webhook.leasedBy,
        progress.cursorSeq,
        breaker.failures,
        dateOf(breaker.failingSinceMs),
        dateOf(breaker.openUntilMs),
        LEASE_SECONDS,
        progress.release,
      ]);
      if (held.length === 0) return false;
      await this.writeResults(query, webhook, progress.results);
      if (disable !== null) await this.disable(query, webhook, disable);
      return true;
    });
  }

  private async writeResults(
    query: Query,
    { tenantId, id }: StoredWebhook,
    results: readonly DeliveryResult[],
  ): Promise<void> {
    const first = results.filter(({ delivery }) => delivery.row === null);
    const again = results.filter(({ delivery }) => delivery.row !== null);
    if (first.length > 0) {
      const rows = first.map(({ delivery: { event }, ...result }) => ({
        ...endOf(result),
        id: result.id,
        event: event.id,
        seq: event.seq,
        type: event.type,
      }));
      await query(ADD, [tenantId, id, JSON.stringify(rows)]);
    }
    if (again.length > 0) {
      const rows = again.map(({ delivery: { row }, ...result }) => ({
        ...endOf(result),
        id: row?.id,
        before: row?.attempts,
      }));
      await query(CONTINUE, [tenantId, JSON.stringify(rows)]);
    }
  }

  private async disable(
    query: Query,
    { tenantId, id, url }: StoredWebhook,
    reason: DisabledReason,
  ): Promise<void> {
    await query(DISABLE, [tenantId, id, reason]);
    const data = { webhookId: id, host: new URL(url).host, reason };
    await this.log.append(query, [{ tenantId, sessionId: null, type: 'webhook.disabled', data }]);
  }
}

function endOf({ attempt, nextAt, isDelivered }: Omit<DeliveryResult, 'delivery'>) {
  return {
    attempt,
    next_at: nextAt,
    state: isDelivered ? 'delivered' : nextAt === null ? 'failed' : 'pending',
  };
}

function dateOf(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms);
}
