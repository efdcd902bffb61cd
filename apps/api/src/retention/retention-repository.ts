import type { Query } from '#database';
import { idBoundary, type Clock } from '#kernel';
import { ANSWERS_WITHOUT_FILE, ANSWERS_WITHOUT_MESSAGE, holdAnswers } from './answer-content.js';
import type { Removed } from './removed.js';

/** How long a tenant keeps what it has; 0 days: for ever. */
export interface RetentionDays {
  messages: number;
  media: number;
}

export interface TenantRetention extends RetentionDays {
  tenantId: string;
}

/** What a batch removed, and from where the next one goes on; undefined when there is no more. */
export interface Batch {
  removed: Partial<Removed>;
  next: string | undefined;
}

const MOST_AT_ONCE = 500;
const DAY_MS = 86_400_000;

/** A message that has not ended: it, its file and what it quotes are needed. */
const ON_ITS_WAY = `('queued', 'sending', 'unknown')`;
const QUOTED = `EXISTS (SELECT FROM messages q WHERE q.tenant_id = m.tenant_id AND q.quoted_message_id = m.id
  AND q.status IN ${ON_ITS_WAY})`;
const NEEDED = `EXISTS (SELECT FROM messages m WHERE m.tenant_id = d.tenant_id AND m.media_id = d.id
  AND m.status IN ${ON_ITS_WAY})`;
/** $1 tenant, $2 bound of ids, $3 time: ids tell the time too, so the key finds what is old. */
const OLD_MESSAGE = `m.tenant_id = $1 AND m.id < $2 AND m.created_at < $3 AND m.status NOT IN ${ON_ITS_WAY} AND NOT ${QUOTED}`;
const OLD_MEDIA = `d.tenant_id = $1 AND d.id < $2 AND d.created_at < $3 AND NOT ${NEEDED}`;

const TENANTS = `SELECT id AS "tenantId", coalesce(message_retention_days, $1) AS messages,
    coalesce(media_retention_days, $2) AS media
  FROM tenants WHERE coalesce(message_retention_days, $1) > 0 OR coalesce(media_retention_days, $2) > 0 ORDER BY id`;

const FIND_MESSAGES = {
  name: 'retention_messages',
  text: `SELECT m.id FROM messages m WHERE ${OLD_MESSAGE} AND m.id > $4 ORDER BY m.id
    LIMIT ${String(MOST_AT_ONCE)} FOR UPDATE SKIP LOCKED`,
};

/** Looked at again, now that they are locked: a message that quotes one may have come meanwhile. */
const REMOVE_MESSAGES = {
  name: 'retention_messages_remove',
  text: `WITH gone AS (
      DELETE FROM messages m WHERE m.tenant_id = $1 AND m.id = ANY ($2::text[]) AND NOT ${QUOTED}
      RETURNING m.id, m.session_id, m.chat_wa_id, m.media_id, m.status
    ), shown AS (
      SELECT c.tenant_id, c.id FROM gone JOIN chats c ON c.tenant_id = $1 AND c.session_id = gone.session_id
        AND c.wa_id = gone.chat_wa_id AND c.last_message_id = gone.id FOR UPDATE OF c SKIP LOCKED
    ), chats_without AS (
      UPDATE chats c SET last_message_id = NULL FROM shown WHERE c.tenant_id = shown.tenant_id AND c.id = shown.id
    ), events_without AS (
      DELETE FROM events e USING gone WHERE e.tenant_id = $1 AND e.data ? 'messageId' AND e.data ->> 'messageId' = gone.id
    ), ${ANSWERS_WITHOUT_MESSAGE}
    SELECT count(*)::int AS messages, coalesce(array_agg(media_id) FILTER (WHERE media_id IS NOT NULL), '{}') AS media
    FROM gone`,
};

/** Files that came with messages go with them; what a tenant uploaded may be sent again. */
const LOCK_MEDIA_OF = {
  name: 'retention_media_of',
  text: `SELECT d.id FROM media d WHERE d.tenant_id = $1 AND d.id = ANY ($2::text[]) AND d.source <> 'upload'
    ORDER BY d.id FOR UPDATE SKIP LOCKED`,
};

const FIND_MEDIA = {
  name: 'retention_media',
  text: `SELECT d.id FROM media d WHERE ${OLD_MEDIA} AND d.id > $4 ORDER BY d.id
    LIMIT ${String(MOST_AT_ONCE)} FOR UPDATE SKIP LOCKED`,
};

const DETACH = {
  name: 'retention_media_detach',
  text: `UPDATE messages m SET media_id = NULL
    WHERE m.tenant_id = $1 AND m.media_id = ANY ($2::text[]) AND m.status NOT IN ${ON_ITS_WAY}`,
};

/** The rows go, and leave word of their objects in the same transaction. */
const REMOVE_MEDIA = {
  name: 'retention_media_remove',
  text: `WITH gone AS (
      DELETE FROM media d WHERE d.tenant_id = $1 AND d.id = ANY ($2::text[])
        AND NOT EXISTS (SELECT FROM messages m WHERE m.tenant_id = d.tenant_id AND m.media_id = d.id)
      RETURNING d.tenant_id, d.id, d.object_key, d.size, d.state
    ), noted AS (
      INSERT INTO media_removals (tenant_id, object_key, bytes)
      SELECT tenant_id, object_key, CASE WHEN state = 'stored' THEN coalesce(size, 0) ELSE 0 END FROM gone
      ON CONFLICT DO NOTHING
    ), ${ANSWERS_WITHOUT_FILE}
    SELECT count(*)::int AS media FROM gone`,
};

const COUNT = {
  name: 'retention_count',
  text: `WITH old AS (SELECT m.id, m.media_id FROM messages m WHERE $6 AND ${OLD_MESSAGE}), files AS (
      SELECT d.size, d.state FROM media d WHERE d.tenant_id = $1 AND (
        $7 AND d.id < $4 AND d.created_at < $5 AND NOT ${NEEDED}
        OR d.source <> 'upload' AND d.id IN (SELECT media_id FROM old)
          AND NOT EXISTS (SELECT FROM messages m WHERE m.tenant_id = $1 AND m.media_id = d.id
            AND m.id NOT IN (SELECT id FROM old)))
    )
    SELECT (SELECT count(*)::int FROM old) AS messages, count(*)::int AS media,
      count(*) FILTER (WHERE state = 'stored')::int AS objects,
      coalesce(sum(size) FILTER (WHERE state = 'stored'), 0)::float8 AS bytes FROM files`,
};

/** Finds and removes rows that are older than their tenant keeps them; each call is one small batch. */
export class RetentionRepository {
  constructor(private readonly clock: Clock) {}

  listTenants(query: Query, defaults: RetentionDays): Promise<TenantRetention[]> {
    return query<TenantRetention & object>(TENANTS, [defaults.messages, defaults.media]);
  }

  /** Ended messages, with the files that came with them. */
  async removeMessages(query: Query, tenant: TenantRetention, after: string): Promise<Batch> {
    if (tenant.messages === 0) return { removed: {}, next: undefined };
    const found = await query<{ id: string }>(FIND_MESSAGES, [
      tenant.tenantId,
      ...this.olderThan('msg', tenant.messages),
      after,
    ]);
    const ids = found.map(({ id }) => id);
    const [gone] = await query<{ messages: number; media: string[] }>(REMOVE_MESSAGES, [
      tenant.tenantId,
      await holdAnswers(query, tenant.tenantId, ids),
    ]);
    const locked = await query<{ id: string }>(LOCK_MEDIA_OF, [tenant.tenantId, gone?.media ?? []]);
    const media = await this.removeRows(
      query,
      tenant.tenantId,
      locked.map(({ id }) => id),
    );
    return { removed: { messages: gone?.messages ?? 0, media }, next: nextOf(ids) };
  }

  /** Files, unless a message that has not ended needs them; those that have show them as gone. */
  async removeMedia(query: Query, tenant: TenantRetention, after: string): Promise<Batch> {
    if (tenant.media === 0) return { removed: {}, next: undefined };
    const found = await query<{ id: string }>(FIND_MEDIA, [
      tenant.tenantId,
      ...this.olderThan('med', tenant.media),
      after,
    ]);
    const ids = found.map(({ id }) => id);
    const free = await holdAnswers(query, tenant.tenantId, ids);
    await query(DETACH, [tenant.tenantId, free]);
    return { removed: { media: await this.removeRows(query, tenant.tenantId, free) }, next: nextOf(ids) };
  }

  /** What the next clean-up would remove of a tenant. */
  async count(query: Query, tenant: TenantRetention): Promise<Partial<Removed>> {
    const [counted] = await query<Partial<Removed> & object>(COUNT, [
      tenant.tenantId,
      ...this.olderThan('msg', tenant.messages),
      ...this.olderThan('med', tenant.media),
      tenant.messages > 0,
      tenant.media > 0,
    ]);
    return counted ?? {};
  }

  private olderThan(prefix: string, days: number): [string, Date] {
    const timeMs = this.clock.now().getTime() - days * DAY_MS;
    return [idBoundary(prefix, timeMs), new Date(timeMs)];
  }

  private async removeRows(query: Query, tenantId: string, ids: string[]): Promise<number> {
    if (ids.length === 0) return 0;
    const [gone] = await query<{ media: number }>(REMOVE_MEDIA, [tenantId, ids]);
    return gone?.media ?? 0;
  }
}

function nextOf(ids: string[]): string | undefined {
  return ids.length < MOST_AT_ONCE ? undefined : ids.at(-1);
}
