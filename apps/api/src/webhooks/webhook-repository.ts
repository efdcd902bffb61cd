import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { EventType, KeyMode } from '#contracts';
import { asQuery, type Query } from '#database';
import type { PageRequest } from '../http/index.js';
import { WEBHOOK_COLUMNS, WEBHOOKS_CHANNEL, type StoredWebhook } from './webhook.js';

export interface NewWebhook {
  id: string;
  url: string;
  description: string | null;
  mode: KeyMode;
  eventTypes: EventType[] | null;
  sessionIds: string[] | null;
  headersSealed: Buffer | null;
  secretSealed: Buffer;
}

/** What can be changed of one; what is left out stays. */
export type WebhookChange = Partial<
  Pick<NewWebhook, 'url' | 'description' | 'eventTypes' | 'sessionIds' | 'headersSealed'> & {
    enabled: boolean;
  }
>;

/** Which webhooks a key may see: those of its mode, and of its sessions when it is bound to some. */
export interface WebhookVisibility {
  tenantId: string;
  mode: KeyMode;
  sessionIds: readonly string[] | null;
}

/** Condition on `webhooks w`: $1 to $3 are the tenant, the mode and the sessions of who looks. */
export const VISIBLE = `w.tenant_id = $1 AND w.deleted_at IS NULL AND w.mode = $2 AND ($3::text[] IS NULL OR w.session_ids <@ $3)`;

/** Rows of `webhooks`. */
@Injectable()
export class WebhookRepository {
  async insert(tx: EntityManager | Query, tenantId: string, row: NewWebhook): Promise<void> {
    await asQuery(tx)(
      `INSERT INTO webhooks (tenant_id, id, url, description, mode, event_types, session_ids, headers_sealed,
         secret_sealed, cursor_seq)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9,
         coalesce((SELECT last_seq FROM event_counters WHERE tenant_id = $1), 0))`,
      [
        tenantId,
        row.id,
        row.url,
        row.description,
        row.mode,
        row.eventTypes,
        row.sessionIds,
        row.headersSealed,
        row.secretSealed,
      ],
    );
  }

  /** How many the tenant has; no other transaction adds one until this one ends. */
  async countToAdd(tx: EntityManager | Query, tenantId: string): Promise<number> {
    const query = asQuery(tx);
    await query(`SELECT pg_advisory_xact_lock(hashtextextended('webhooks of ' || $1, 0))`, [tenantId]);
    const [row] = await query<{ count: number }>(
      'SELECT count(*)::int AS count FROM webhooks WHERE tenant_id = $1 AND deleted_at IS NULL',
      [tenantId],
    );
    return row?.count ?? 0;
  }

  /** Newest first; `limit` + 1 rows at most. */
  list(tx: EntityManager | Query, viewer: WebhookVisibility, page: PageRequest): Promise<StoredWebhook[]> {
    return asQuery(tx)<StoredWebhook & object>(
      `SELECT ${WEBHOOK_COLUMNS} FROM webhooks w WHERE ${VISIBLE} AND ($4::text IS NULL OR w.id < $4)
       ORDER BY w.id DESC LIMIT $5`,
      [...valuesOf(viewer), page.after?.[0] ?? null, page.limit + 1],
    );
  }

  async find(
    tx: EntityManager | Query,
    viewer: WebhookVisibility,
    id: string,
    { toChange = false } = {},
  ): Promise<StoredWebhook | undefined> {
    const lock = toChange ? 'FOR UPDATE' : '';
    const [row] = await asQuery(tx)<StoredWebhook & object>(
      `SELECT ${WEBHOOK_COLUMNS} FROM webhooks w WHERE ${VISIBLE} AND w.id = $4 ${lock}`,
      [...valuesOf(viewer), id],
    );
    return row;
  }

  /** Whoever delivers loses the lease, so that nothing more is done by the old settings. */
  async change(tx: EntityManager | Query, before: StoredWebhook, change: WebhookChange): Promise<void> {
    const after = { ...before, ...change };
    const isSwitchedOn = after.enabled && !before.enabled;
    await asQuery(tx)(
      `UPDATE webhooks SET url = $3, description = $4, event_types = $5, session_ids = $6, headers_sealed = $7,
         enabled = $8, disabled_reason = CASE WHEN $8 THEN NULL ELSE coalesce(disabled_reason, 'by_tenant') END,
         disabled_at = CASE WHEN $8 THEN NULL ELSE coalesce(disabled_at, now()) END,
         failures = CASE WHEN $9 THEN 0 ELSE failures END,
         failing_since = CASE WHEN $9 THEN NULL ELSE failing_since END,
         open_until = CASE WHEN $9 THEN NULL ELSE open_until END,
         leased_by = NULL, leased_until = NULL, updated_at = now()
       WHERE tenant_id = $1 AND id = $2`,
      [
        before.tenantId,
        before.id,
        after.url,
        after.description,
        after.eventTypes,
        after.sessionIds,
        after.headersSealed,
        after.enabled,
        isSwitchedOn || after.url !== before.url,
      ],
    );
    await announce(tx, before);
  }

  async rotate(
    tx: EntityManager | Query,
    webhook: StoredWebhook,
    secretSealed: Buffer,
    overlapSeconds: number,
  ): Promise<void> {
    await asQuery(tx)(
      `UPDATE webhooks SET previous_secret_sealed = secret_sealed, secret_sealed = $3,
         previous_secret_until = now() + make_interval(secs => $4), leased_by = NULL, leased_until = NULL,
         updated_at = now()
       WHERE tenant_id = $1 AND id = $2`,
      [webhook.tenantId, webhook.id, secretSealed, overlapSeconds],
    );
    await announce(tx, webhook);
  }

  /** Its secrets and its address go at once, its deliveries in pieces, by the retention. */
  async delete(tx: EntityManager | Query, webhook: StoredWebhook): Promise<void> {
    const { tenantId, id } = webhook;
    await asQuery(tx)(
      `UPDATE webhooks SET deleted_at = now(), enabled = false, url = '', description = NULL, headers_sealed = NULL,
         secret_sealed = '', previous_secret_sealed = NULL, leased_by = NULL, leased_until = NULL
       WHERE tenant_id = $1 AND id = $2`,
      [tenantId, id],
    );
    await announce(tx, webhook);
  }
}

/** Whoever delivers to it stops at once. */
async function announce(tx: EntityManager | Query, { id }: StoredWebhook): Promise<void> {
  await asQuery(tx)('SELECT pg_notify($1, $2)', [WEBHOOKS_CHANNEL, id]);
}

function valuesOf({ tenantId, mode, sessionIds }: WebhookVisibility): unknown[] {
  return [tenantId, mode, sessionIds];
}
