import { Injectable } from '@nestjs/common';
import type { MediaDescriptor, WaMessage } from '#contracts';
import type { Query } from '#database';
import type { StoredSession } from '../../nodes/index.js';
import { KnownBatch, type KnownMessage } from './known-batch.js';
import { mediaOf, statusOf, type MessageToStore } from './message-to-store.js';

const FIND = {
  name: 'messages_known',
  text: `SELECT m.id, m.wa_key AS "waKey", m.wa_message_id AS "waMessageId", m.direction, m.chat_wa_id AS "chatId",
      m.type, m.occurred_at AS "occurredAt"
    FROM messages m WHERE m.tenant_id = $1 AND m.session_id = $2 AND m.wa_message_id = ANY($3)`,
};

const RETENTION = {
  name: 'message_retention_of',
  text: `SELECT coalesce(message_retention_days, $2::int) AS days FROM tenants WHERE id = $1`,
};

const INSERT = {
  name: 'messages_record',
  text: `INSERT INTO messages (tenant_id, id, session_id, direction, origin, chat_wa_id, author_wa_id, author_phone,
      author_lid, author_name, type, content, media_id, status, ack, wa_message_id, wa_key, quoted_message_id,
      quoted_wa_message_id, occurred_at, sent_at)
    SELECT $1, r.id, $2, r.direction, r.origin, r.chat, r."authorId", r."authorPhone", r."authorLid", r."authorName",
      r.content ->> 'type', r.content, r.media, r.status, r.ack, r."waMessageId", r."waKey", r."quotedMessage",
      r."quotedWa", r.at, CASE WHEN r.direction = 'out' THEN r.at END
    FROM jsonb_to_recordset($3::jsonb) AS r(id text, direction text, origin text, chat text, "authorId" text,
      "authorPhone" text, "authorLid" text, "authorName" text, content jsonb, media text, status text, ack smallint,
      "waMessageId" text, "waKey" text, "quotedMessage" text, "quotedWa" text, at timestamptz)
    ON CONFLICT (tenant_id, session_id, wa_key) WHERE wa_key IS NOT NULL DO NOTHING`,
};

const INSERT_MEDIA = {
  name: 'media_record',
  text: `INSERT INTO media (tenant_id, id, source, session_id, state, mime_type, filename, size, sha256, object_key, wa_key,
      next_attempt_at)
    SELECT $1, r.id, 'inbound', $2, 'pending', r."mimeType", r.filename, r.size, r.sha256,
      't/' || $1 || '/in/' || r.id, r."waKey", now()
    FROM jsonb_to_recordset($3::jsonb)
      AS r(id text, "mimeType" text, filename text, size bigint, sha256 text, "waKey" text)`,
};

/** Reads and writes what the recorder needs, in the intake's transaction, which holds the session's row. */
@Injectable()
export class RecordedMessages {
  /** What is stored already under these WhatsApp ids. */
  async find(query: Query, session: StoredSession, waMessageIds: readonly string[]): Promise<KnownBatch> {
    const ids = [...new Set(waMessageIds)];
    return new KnownBatch(await query<KnownMessage & object>(FIND, [session.tenantId, session.id, ids]));
  }

  /** How many days the tenant keeps messages, unless it has no figure of its own: then `defaultDays`. 0: for ever. */
  async retentionDays(query: Query, { tenantId }: StoredSession, defaultDays: number): Promise<number> {
    const [tenant] = await query<{ days: number }>(RETENTION, [tenantId, defaultDays]);
    return tenant?.days ?? defaultDays;
  }

  async insert(query: Query, session: StoredSession, drafts: readonly MessageToStore[]): Promise<void> {
    await this.insertMedia(query, session, drafts.flatMap(fileOf));
    const rows = drafts.map(toRow);
    await query(INSERT, [session.tenantId, session.id, JSON.stringify(rows)]);
  }

  /** Our own messages learn the key that WhatsApp gave them. */
  async learnKeys(
    query: Query,
    session: StoredSession,
    again: { message: WaMessage; known: KnownMessage }[],
  ) {
    // In the order in which the ends of sends lock them.
    const learning = again
      .filter(({ known }) => known.waKey === null)
      .sort((a, b) => (a.known.id < b.known.id ? -1 : 1));
    if (learning.length === 0) return;
    await query(
      {
        name: 'messages_learn_keys',
        text: `UPDATE messages m SET wa_key = k.wa_key FROM unnest($2::text[], $3::text[]) AS k (id, wa_key)
          WHERE m.tenant_id = $1 AND m.id = k.id AND m.wa_key IS NULL`,
      },
      [session.tenantId, learning.map(({ known }) => known.id), learning.map(({ message }) => message.waKey)],
    );
  }

  /** Files that are to be downloaded. */
  async insertMedia(
    query: Query,
    session: StoredSession,
    files: readonly { id: string; waKey: string; media: MediaDescriptor }[],
  ): Promise<void> {
    if (files.length === 0) return;
    const rows = files.map(({ id, waKey, media }) => ({ id, waKey, ...media }));
    await query(INSERT_MEDIA, [session.tenantId, session.id, JSON.stringify(rows)]);
  }
}

function fileOf({ mediaId, message }: MessageToStore) {
  const media = mediaOf(message.content);
  return mediaId !== null && media ? [{ id: mediaId, waKey: message.waKey, media }] : [];
}

function toRow({ id, mediaId, quotedMessageId, message }: MessageToStore) {
  const { author, chat, fromMe } = message;
  return {
    id,
    direction: fromMe ? 'out' : 'in',
    origin: fromMe ? 'phone' : 'contact',
    chat: chat.id,
    authorId: author.id,
    authorPhone: author.phone,
    authorLid: author.lid,
    authorName: author.name,
    content: message.content,
    media: mediaId,
    status: statusOf(message),
    ack: message.ack,
    waMessageId: message.waMessageId,
    waKey: message.waKey,
    quotedMessage: quotedMessageId,
    quotedWa: message.quotedWaMessageId,
    at: message.timestamp,
  };
}
