import { Injectable } from '@nestjs/common';
import type { Query } from '#database';
import type { StoredSession } from '../../nodes/index.js';
import type { ContentState, ContentVersion } from './content-state.js';

/** A message with its content, whose row is held. */
export interface HeldContent extends ContentState {
  id: string;
  waKey: string | null;
  waMessageId: string | null;
  direction: 'in' | 'out';
  chatId: string;
  mediaId: string | null;
  occurredAt: Date;
}

const HOLD = {
  name: 'messages_hold',
  text: `SELECT m.id, m.wa_key AS "waKey", m.wa_message_id AS "waMessageId", m.direction, m.chat_wa_id AS "chatId",
      m.content, m.media_id AS "mediaId", m.occurred_at AS "occurredAt", m.edited_at AS "editedAt",
      m.revoked_at AS "revokedAt"
    FROM messages m WHERE m.tenant_id = $1 AND m.id = ANY($2) ORDER BY m.tenant_id, m.id FOR UPDATE`,
};

const SAVE = {
  name: 'messages_save_content',
  text: `UPDATE messages m SET type = c.content ->> 'type', content = c.content, media_id = c."mediaId",
      edited_at = c."editedAt", revoked_at = c."revokedAt"
    FROM jsonb_to_recordset($2::jsonb)
      AS c(id text, content jsonb, "mediaId" text, "editedAt" timestamptz, "revokedAt" timestamptz)
    WHERE m.tenant_id = $1 AND m.id = c.id`,
};

const KEEP_VERSIONS = {
  name: 'message_versions_keep',
  text: `INSERT INTO message_versions (tenant_id, message_id, at, content)
    SELECT $1, v."messageId", v.at, v.content
    FROM jsonb_to_recordset($2::jsonb) AS v("messageId" text, at timestamptz, content jsonb)
    ON CONFLICT (tenant_id, message_id, at) DO NOTHING`,
};

/** What a revoked message said goes everywhere: its earlier texts, and the file that came with it, object and all. */
const FORGET_VERSIONS = `DELETE FROM message_versions WHERE tenant_id = $1 AND message_id = ANY($2)`;
const FORGET_MEDIA = `WITH gone AS (
    DELETE FROM media WHERE tenant_id = $1 AND session_id = $2 AND id = ANY($3) AND source = 'inbound'
    RETURNING object_key, size
  )
  INSERT INTO media_removals (tenant_id, object_key, bytes) SELECT $1, object_key, coalesce(size, 0) FROM gone
  ON CONFLICT DO NOTHING`;

/**
 * What was told of it stays told, without what it said. In the order in which events get their numbers, which takes
 * their rows too.
 */
const FORGET_TOLD = {
  name: 'events_forget_content',
  text: `WITH held AS (
      SELECT e.tenant_id, e.id FROM events e
      WHERE e.tenant_id = $1 AND e.data ? 'messageId' AND e.data ->> 'messageId' = ANY($2)
        AND e.type IN ('message.received', 'message.from_phone', 'message.edited', 'media.ready', 'media.failed')
      ORDER BY e.position FOR UPDATE
    )
    UPDATE events e SET data = '{"revoked": true}' || CASE
      WHEN starts_with(e.type, 'media.') THEN jsonb_set(e.data, '{media,filename}', 'null')
      ELSE e.data || '{"text": null, "caption": null, "media": null}' END
    FROM held WHERE e.tenant_id = held.tenant_id AND e.id = held.id`,
};

/** Reads and writes what messages say. Needs a worker transaction that holds the session's row. */
@Injectable()
export class ContentRepository {
  /** Holds messages until the end of the transaction, in the one order in which messages are held. */
  hold(query: Query, session: StoredSession, ids: readonly string[]): Promise<HeldContent[]> {
    return query<HeldContent & object>(HOLD, [session.tenantId, [...new Set(ids)]]);
  }

  async save(query: Query, session: StoredSession, changed: readonly HeldContent[]): Promise<void> {
    if (changed.length === 0) return;
    const rows = changed.map(({ id, content, mediaId, editedAt, revokedAt }) => ({
      id,
      content,
      mediaId,
      editedAt,
      revokedAt,
    }));
    await query(SAVE, [session.tenantId, JSON.stringify(rows)]);
  }

  async keepVersions(
    query: Query,
    session: StoredSession,
    versions: readonly (ContentVersion & { messageId: string })[],
  ): Promise<void> {
    if (versions.length === 0) return;
    await query(KEEP_VERSIONS, [session.tenantId, JSON.stringify(versions)]);
  }

  async forget(query: Query, session: StoredSession, revoked: readonly HeldContent[]): Promise<void> {
    if (revoked.length === 0) return;
    await query(FORGET_VERSIONS, [session.tenantId, revoked.map(({ id }) => id)]);
    const media = revoked.flatMap(({ mediaId }) => mediaId ?? []);
    if (media.length > 0) await query(FORGET_MEDIA, [session.tenantId, session.id, media]);
  }

  /** Of revoked messages: takes what they said out of what was told, in this transaction too. */
  async forgetTold(query: Query, session: StoredSession, revoked: readonly HeldContent[]): Promise<void> {
    if (revoked.length === 0) return;
    await query(FORGET_TOLD, [session.tenantId, revoked.map(({ id }) => id)]);
  }
}
