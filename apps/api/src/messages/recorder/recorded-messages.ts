import { Injectable } from '@nestjs/common';
import type { WaMessage } from '#contracts';
import type { Query } from '#database';
import { newId } from '#kernel';
import type { StoredSession } from '../../nodes/index.js';
import { mediaOf, statusOf, type MessageToStore } from './message-to-store.js';

/** A stored message, as far as it takes to recognise it. */
export interface KnownMessage {
  id: string;
  waKey: string | null;
  waMessageId: string | null;
  direction: 'in' | 'out';
  chatId: string;
  chatLid: string | null;
  type: string;
}

const FIND = {
  name: 'messages_known',
  text: `SELECT m.id, m.wa_key AS "waKey", m.wa_message_id AS "waMessageId", m.direction, m.chat_wa_id AS "chatId",
      c.lid AS "chatLid", m.type
    FROM messages m
    LEFT JOIN chats c ON c.tenant_id = m.tenant_id AND c.session_id = m.session_id AND c.wa_id = m.chat_wa_id
    WHERE m.tenant_id = $1 AND m.session_id = $2 AND m.wa_message_id = ANY($3)`,
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
  /** What is stored already of a batch and of what it quotes. */
  async find(query: Query, session: StoredSession, messages: readonly WaMessage[]): Promise<KnownBatch> {
    const ids = messages.flatMap(({ waMessageId, quotedWaMessageId }) =>
      [waMessageId, quotedWaMessageId ?? []].flat(),
    );
    const rows = await query<KnownMessage & object>(FIND, [session.tenantId, session.id, [...new Set(ids)]]);
    return new KnownBatch(rows);
  }

  /** @param chatIds for each chat id reported, the one it is stored under */
  async insert(
    query: Query,
    session: StoredSession,
    drafts: MessageToStore[],
    chatIds: ReadonlyMap<string, string>,
  ): Promise<void> {
    await this.insertMedia(query, session, drafts);
    const rows = drafts.map((draft) => toRow(draft, chatIds));
    await query(INSERT, [session.tenantId, session.id, JSON.stringify(rows)]);
  }

  /** Our own messages learn the key that WhatsApp gave them. */
  async learnKeys(
    query: Query,
    session: StoredSession,
    again: { message: WaMessage; known: KnownMessage }[],
  ) {
    const learning = again.filter(({ known }) => known.waKey === null);
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

  /** A message that WhatsApp Web could not decrypt at first, and now can. */
  async decrypt(query: Query, session: StoredSession, again: { message: WaMessage; known: KnownMessage }[]) {
    const readable = again.filter(
      ({ message, known }) => known.type === 'undecryptable' && message.content.type !== 'undecryptable',
    );
    if (readable.length === 0) return;
    const rows = readable.map(({ message, known }) => ({
      id: known.id,
      content: message.content,
      mediaId: mediaOf(message.content) ? newId('med') : null,
      message,
    }));
    await this.insertMedia(query, session, rows);
    await query(
      `UPDATE messages m SET type = c.content ->> 'type', content = c.content, media_id = c."mediaId"
       FROM jsonb_to_recordset($2::jsonb) AS c(id text, content jsonb, "mediaId" text)
       WHERE m.tenant_id = $1 AND m.id = c.id`,
      [session.tenantId, JSON.stringify(rows.map(({ message: _, ...row }) => row))],
    );
  }

  private async insertMedia(
    query: Query,
    session: StoredSession,
    messages: Pick<MessageToStore, 'mediaId' | 'message'>[],
  ): Promise<void> {
    const media = messages.flatMap(({ mediaId, message }) => {
      const said = mediaOf(message.content);
      return mediaId && said ? [{ id: mediaId, waKey: message.waKey, ...said }] : [];
    });
    if (media.length > 0) await query(INSERT_MEDIA, [session.tenantId, session.id, JSON.stringify(media)]);
  }
}

/** The stored messages among a batch. */
export class KnownBatch {
  constructor(private readonly rows: KnownMessage[]) {}

  /** One that is about to be stored: the batch may hold it again. */
  add({ id, message }: MessageToStore): void {
    const { waKey, waMessageId, fromMe, chat, content } = message;
    const direction = fromMe ? 'out' : 'in';
    this.rows.push({
      id,
      waKey,
      waMessageId,
      direction,
      chatId: chat.id,
      chatLid: chat.lid,
      type: content.type,
    });
  }

  /**
   * By its key; ours by the id that was chosen for it; and what came in by its id within its chat, because WhatsApp may
   * report one message under the phone form and the LID of its chat.
   */
  match(message: WaMessage): KnownMessage | undefined {
    const { waKey, waMessageId, fromMe, chat } = message;
    return this.rows.find((row) => {
      if (row.waKey === waKey) return true;
      if (row.waMessageId !== waMessageId || (row.direction === 'out') !== fromMe) return false;
      return fromMe || row.chatId === chat.id || row.chatLid === chat.id || row.chatId === chat.lid;
    });
  }

  findQuoted({ quotedWaMessageId }: WaMessage): string | null {
    if (quotedWaMessageId === null) return null;
    return this.rows.find((row) => row.waMessageId === quotedWaMessageId)?.id ?? null;
  }
}

function toRow(
  { id, mediaId, quotedMessageId, message }: MessageToStore,
  chatIds: ReadonlyMap<string, string>,
) {
  const { author, chat, fromMe } = message;
  return {
    id,
    direction: fromMe ? 'out' : 'in',
    origin: fromMe ? 'phone' : 'contact',
    chat: chatIds.get(chat.id) ?? chat.id,
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
