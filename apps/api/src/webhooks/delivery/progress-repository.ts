import { Injectable } from '@nestjs/common';
import { Database, type Query } from '#database';
import { EventLog } from '../../events/index.js';
import type { DisabledReason, StoredWebhook } from '../webhook.js';
import { LEASE_SECONDS, type DeliveryResult, type Progress } from './delivery-repository.js';

/** What one lane wants to have written. */
export interface LaneProgress {
  webhook: StoredWebhook;
  progress: Progress;
}

/**
 * What many lanes found out, in one statement. A webhook whose lease is lost, or whose row somebody is changing at this
 * moment, is left out as a whole; the leases that were written for come back.
 */
const ADVANCE_MANY = {
  name: 'webhooks_advance_many',
  text: `WITH given AS MATERIALIZED (
      SELECT g.* FROM jsonb_to_recordset($1::jsonb) AS g(tenant text, id text, lease text, seq bigint, failures integer,
        since timestamptz, until timestamptz, release boolean)
    ), free AS MATERIALIZED (
      SELECT w.tenant_id, w.id FROM given g JOIN webhooks w ON w.tenant_id = g.tenant AND w.id = g.id
      WHERE w.leased_by = g.lease AND w.enabled FOR NO KEY UPDATE OF w SKIP LOCKED
    ), held AS (
      UPDATE webhooks w SET cursor_seq = greatest(w.cursor_seq, g.seq), failures = g.failures, failing_since = g.since,
        open_until = g.until, leased_by = CASE WHEN g.release THEN NULL ELSE w.leased_by END,
        leased_until = CASE WHEN g.release THEN now() ELSE now() + make_interval(secs => $2) END
      FROM free f JOIN given g ON g.tenant = f.tenant_id AND g.id = f.id
      WHERE w.tenant_id = f.tenant_id AND w.id = f.id AND w.leased_by = g.lease AND w.enabled RETURNING g.lease
    ), added AS (
      INSERT INTO webhook_deliveries (tenant_id, id, webhook_id, event_id, seq, event_type, cause, state, attempts,
        next_at, ended_at)
      SELECT r.tenant, r.id, r.webhook, r.event, r.seq, r.type, 'event', r.state, jsonb_build_array(r.attempt),
        r.next_at, CASE WHEN r.next_at IS NULL THEN now() END
      FROM jsonb_to_recordset($3::jsonb) AS r(tenant text, lease text, id text, webhook text, event text, seq bigint,
        type text, state text, attempt jsonb, next_at timestamptz)
      WHERE r.lease IN (SELECT h.lease FROM held h) ON CONFLICT DO NOTHING
    ), continued AS (
      UPDATE webhook_deliveries d SET attempts = d.attempts || r.attempt, state = r.state, next_at = r.next_at,
        ended_at = CASE WHEN r.next_at IS NULL THEN now() END
      FROM jsonb_to_recordset($4::jsonb) AS r(tenant text, lease text, id text, state text, attempt jsonb,
        next_at timestamptz, before integer)
      WHERE r.lease IN (SELECT h.lease FROM held h) AND d.tenant_id = r.tenant AND d.id = r.id
        AND jsonb_array_length(d.attempts) = r.before
    )
    SELECT h.lease FROM held h`,
};

/** What waits for a lock longer makes all the others wait; each lane is written for itself then, and waits as usual. */
const WAIT_BRIEFLY = `SET LOCAL lock_timeout = '500ms'`;

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

/** Writes what became of deliveries. Only who holds a webhook's lease can. */
@Injectable()
export class ProgressRepository {
  constructor(
    private readonly database: Database,
    private readonly log: EventLog,
  ) {}

  /** Writes for many lanes at once; resolves with those of their leases that are done. None is switched off here. */
  async recordMany(lanes: readonly LaneProgress[]): Promise<Set<string>> {
    const given = lanes.map(({ webhook, progress: { breaker, cursorSeq, release } }) => ({
      tenant: webhook.tenantId,
      id: webhook.id,
      lease: webhook.leasedBy,
      seq: cursorSeq,
      failures: breaker.failures,
      since: dateOf(breaker.failingSinceMs),
      until: dateOf(breaker.openUntilMs),
      release,
    }));
    const rows = lanes.flatMap(({ webhook: { tenantId, id, leasedBy }, progress }) =>
      progress.results.map((result) => ({
        isFirst: result.delivery.row === null,
        row: { ...rowOf(result), tenant: tenantId, webhook: id, lease: leasedBy },
      })),
    );
    const first = rows.filter(({ isFirst }) => isFirst).map(({ row }) => row);
    const again = rows.filter(({ isFirst }) => !isFirst).map(({ row }) => row);
    const values = [given, LEASE_SECONDS, first, again].map((value) =>
      typeof value === 'number' ? value : JSON.stringify(value),
    );
    const done = await this.database.workerSql(async (query) => {
      const advance = () => query<{ lease: string }>(ADVANCE_MANY, values);
      return (await Promise.all([query(WAIT_BRIEFLY), advance()]))[1];
    });
    return new Set(done.map(({ lease }) => lease));
  }

  /** Writes for one lane, waiting for whoever changes its webhook. False: its lease is lost, and nothing was written. */
  record({ webhook, progress }: LaneProgress): Promise<boolean> {
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
      const { results } = progress;
      const first = results.filter(({ delivery }) => delivery.row === null).map(rowOf);
      const again = results.filter(({ delivery }) => delivery.row !== null).map(rowOf);
      if (first.length > 0) await query(ADD, [tenantId, id, JSON.stringify(first)]);
      if (again.length > 0) await query(CONTINUE, [tenantId, JSON.stringify(again)]);
      if (disable !== null) await this.disable(query, webhook, disable);
      return true;
    });
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

/** A result as the statements above read it; `before`: attempts that its row has already. */
function rowOf({ id, delivery: { event, row }, attempt, nextAt, isDelivered }: DeliveryResult) {
  return {
    attempt,
    id: row?.id ?? id,
    event: event.id,
    seq: event.seq,
    type: event.type,
    next_at: nextAt,
    state: isDelivered ? 'delivered' : nextAt === null ? 'failed' : 'pending',
    before: row?.attempts ?? 0,
  };
}

function dateOf(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms);
}
