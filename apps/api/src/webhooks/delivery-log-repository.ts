import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { EventType } from '#contracts';
import { asQuery, queryByBitmap, type Query } from '#database';
import { newId } from '#kernel';
import type { PageRequest } from '../http/index.js';
import type { StoredEvent } from '../event-feed/index.js';
import type { DeliveryAttempt, StoredWebhook } from './webhook.js';
import type { WebhookVisibility } from './webhook-repository.js';

export interface StoredDelivery {
  id: string;
  webhookId: string;
  eventId: string;
  seq: number;
  eventType: string;
  cause: 'event' | 'replay' | 'redelivery';
  state: 'pending' | 'delivered' | 'failed';
  attempts: DeliveryAttempt[];
  nextAt: Date | null;
  createdAt: Date;
  endedAt: Date | null;
}

export interface ReplayRange {
  since: Date;
  until: Date;
  types: readonly EventType[] | null;
}

const COLUMNS = `d.id, d.webhook_id AS "webhookId", d.event_id AS "eventId", d.seq::float8 AS seq,
  d.event_type AS "eventType", d.cause, d.state, d.attempts, d.next_at AS "nextAt", d.created_at AS "createdAt",
  d.ended_at AS "endedAt"`;

/** A webhook that was bound to sessions later does not show what it got of others before. */
const OF_SESSIONS =
  'SELECT FROM events e WHERE e.tenant_id = d.tenant_id AND e.id = d.event_id AND e.session_id = ANY ($6)';

/** The same events that the webhook got when they were new. */
const WANTED = `e.tenant_id = $1 AND e.seq IS NOT NULL AND e.created_at >= $3 AND e.created_at < $4
  AND ($5::text[] IS NULL OR e.type = ANY ($5)) AND ($6::text[] IS NULL OR e.type = ANY ($6))
  AND CASE WHEN e.session_id IS NULL THEN $8::text[] IS NULL
    ELSE s.mode = $7 AND ($8::text[] IS NULL OR s.id = ANY ($8)) END`;
const EVENTS = 'events e LEFT JOIN sessions s ON s.tenant_id = e.tenant_id AND s.id = e.session_id';

/** What was delivered, and what is to be delivered again. */
@Injectable()
export class DeliveryLogRepository {
  /** Newest first; `limit` + 1 rows at most. */
  list(
    tx: EntityManager | Query,
    { tenantId, id, sessionIds }: StoredWebhook,
    state: StoredDelivery['state'] | null,
    page: PageRequest,
  ): Promise<StoredDelivery[]> {
    return asQuery(tx)<StoredDelivery & object>(
      `SELECT ${COLUMNS} FROM webhook_deliveries d WHERE d.tenant_id = $1 AND d.webhook_id = $2
         AND ($3::text IS NULL OR d.state = $3) AND ($4::text IS NULL OR d.id < $4)
         AND ($6::text[] IS NULL OR EXISTS (${OF_SESSIONS})) ORDER BY d.id DESC LIMIT $5`,
      [tenantId, id, state, page.after?.[0] ?? null, page.limit + 1, sessionIds],
    );
  }

  /** One that the key may see, with the URL of its webhook. */
  async find(
    tx: EntityManager | Query,
    { tenantId, mode, sessionIds }: WebhookVisibility,
    id: string,
  ): Promise<(StoredDelivery & { url: string }) | undefined> {
    const [row] = await asQuery(tx)<StoredDelivery & { url: string } & object>(
      `SELECT ${COLUMNS}, w.url FROM webhook_deliveries d
       JOIN webhooks w ON w.tenant_id = d.tenant_id AND w.id = d.webhook_id
       WHERE d.tenant_id = $1 AND d.id = $4 AND w.deleted_at IS NULL AND w.mode = $2
         AND ($3::text[] IS NULL OR w.session_ids <@ $3)
         AND (w.session_ids IS NULL OR EXISTS (SELECT FROM events e WHERE e.tenant_id = d.tenant_id
           AND e.id = d.event_id AND e.session_id = ANY (w.session_ids)))`,
      [tenantId, mode, sessionIds, id],
    );
    return row;
  }

  async findEvent(
    tx: EntityManager | Query,
    tenantId: string,
    eventId: string,
  ): Promise<StoredEvent | undefined> {
    const [row] = await asQuery(tx)<StoredEvent & object>(
      `SELECT e.id, e.seq::float8 AS seq, e.type, e.data, e.created_at AS "createdAt", e.tenant_id AS "tenantId",
         e.session_id AS "sessionId", s.name AS "sessionName" FROM ${EVENTS} WHERE e.tenant_id = $1 AND e.id = $2`,
      [tenantId, eventId],
    );
    return row;
  }

  /** Puts an event into the webhook's queue once more; gives the new delivery's id. */
  async redeliver(tx: EntityManager | Query, tenantId: string, delivery: StoredDelivery): Promise<string> {
    const id = newId('dlv');
    await asQuery(tx)(
      `INSERT INTO webhook_deliveries (tenant_id, id, webhook_id, event_id, seq, event_type, cause, state, next_at)
       VALUES ($1, $2, $3, $4, $5, $6, 'redelivery', 'pending', now())`,
      [tenantId, id, delivery.webhookId, delivery.eventId, delivery.seq, delivery.eventType],
    );
    return id;
  }

  /** Events of a range that the webhook wants; counts at most `most` + 1. */
  async countRange(
    tx: EntityManager | Query,
    webhook: StoredWebhook,
    range: ReplayRange,
    most: number,
  ): Promise<number> {
    const [row] = await queryByBitmap<{ count: number }>(
      asQuery(tx),
      `SELECT count(*)::int AS count FROM (SELECT FROM ${EVENTS} WHERE ${WANTED} AND $2::text IS NOT NULL
         LIMIT $9) AS wanted`,
      [...rangeValues(webhook, range), most + 1],
    );
    return row?.count ?? 0;
  }

  /** Deliveries that wait, counted up to `most`. */
  async countPending(
    tx: EntityManager | Query,
    { tenantId, id }: StoredWebhook,
    most: number,
  ): Promise<number> {
    const [row] = await asQuery(tx)<{ count: number }>(
      `SELECT count(*)::int AS count FROM (SELECT FROM webhook_deliveries WHERE tenant_id = $1 AND webhook_id = $2
         AND state = 'pending' LIMIT $3) AS waiting`,
      [tenantId, id, most],
    );
    return row?.count ?? 0;
  }

  /** Puts every event of a range into the webhook's queue. */
  async replay(tx: EntityManager | Query, webhook: StoredWebhook, range: ReplayRange): Promise<void> {
    // The rest of an id is Crockford base32; hexadecimal digits of a random UUID are some of it.
    await queryByBitmap(
      asQuery(tx),
      `INSERT INTO webhook_deliveries (tenant_id, id, webhook_id, event_id, seq, event_type, cause, state, next_at)
       SELECT $1, 'dlv_' || $9 || substr(replace(gen_random_uuid()::text, '-', ''), 1, 16), $2, e.id, e.seq, e.type,
         'replay', 'pending', now() + row_number() OVER (ORDER BY e.seq) * interval '1 us'
       FROM ${EVENTS} WHERE ${WANTED} ORDER BY e.seq`,
      [...rangeValues(webhook, range), newId('dlv').slice(4, 14)],
    );
  }
}

function rangeValues(webhook: StoredWebhook, { since, until, types }: ReplayRange): unknown[] {
  const { tenantId, id, eventTypes, mode, sessionIds } = webhook;
  return [tenantId, id, since, until, types, eventTypes, mode, sessionIds];
}
