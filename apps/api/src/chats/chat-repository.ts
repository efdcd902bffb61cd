import { Injectable } from '@nestjs/common';
import { chatIdSchema, type WaChat } from '#contracts';
import { type ChatRow, Database, type Query } from '#database';
import { newId } from '#kernel';
import { EventLog, type NewEvent } from '../events/index.js';
import { IdentityRepository } from '../identities/index.js';

/** A message that makes its chat the newest. */
export interface ChatTouch {
  /** WhatsApp's chat id. */
  waId: string;
  messageId: string;
  at: Date;
}

export interface ChatFilter {
  sessionIds: readonly string[];
  kind?: WaChat['kind'] | undefined;
  /** Part of the name, or the beginning of the phone number. */
  search?: string | undefined;
}

/** Where a page of chats goes on: activity of the last chat seen, as Postgres writes it, and its id. */
export interface ChatPosition {
  activeAt: string;
  id: string;
}

/** A chat as it is read. */
export type StoredChat = ChatRow & {
  /** Times of which the phone may have messages that no linked device has. */
  gaps: { from: string; to: string }[];
};

/** A chat with the time that orders it, in microseconds since 1970: a Date would lose what Postgres keeps. */
export type ListedChat = StoredChat & { activeAt: string };

/** A chat as it is stored after a report. */
export interface UpsertedChat extends Pick<ChatRow, 'id' | 'waId' | 'kind' | 'name' | 'phone' | 'lid'> {
  /** It was there before, and is named otherwise now. */
  isChanged: boolean;
}

const COLUMNS = `tenant_id AS "tenantId", id, session_id AS "sessionId", wa_id AS "waId", kind, name, phone, lid,
  last_message_id AS "lastMessageId", last_message_at AS "lastMessageAt", created_at AS "createdAt",
  updated_at AS "updatedAt", coalesce((SELECT jsonb_agg(jsonb_build_object('from', g.from_at, 'to', g.to_at)
    ORDER BY g.from_at) FROM chat_gaps g WHERE g.tenant_id = chats.tenant_id AND g.chat_id = chats.id), '[]') AS gaps`;
const ACTIVE_AT = 'coalesce(last_message_at, created_at)';
const MICROSECONDS = `(extract(epoch FROM ${ACTIVE_AT}) * 1000000)::bigint::text`;

/** The chats of a tenant's sessions. */
@Injectable()
export class ChatRepository {
  constructor(
    private readonly database: Database,
    private readonly identities: IdentityRepository,
    private readonly events: EventLog,
  ) {}

  /** By its id, or that of a chat that became part of it. */
  async find(tenantId: string, id: string): Promise<StoredChat | undefined> {
    if (!chatIdSchema.safeParse(id).success) return undefined;
    return this.database.tenantSql(tenantId, async (query) => {
      const rows = await query<StoredChat>(
        {
          name: 'chat_find',
          text: `SELECT ${COLUMNS} FROM chats WHERE tenant_id = $1 AND id = coalesce(
            (SELECT kept_id FROM merged_ids WHERE tenant_id = $1 AND id = $2), $2)`,
        },
        [tenantId, id],
      );
      return rows[0];
    });
  }

  /** The chats under WhatsApp ids in sessions, one in each at most; of several the one named last. */
  findByWaIds(
    tenantId: string,
    sessionIds: readonly string[],
    waIds: readonly string[],
  ): Promise<StoredChat[]> {
    return this.database.tenantSql(tenantId, (query) =>
      query<StoredChat>(
        {
          name: 'chat_find_by_wa_id',
          text: `SELECT DISTINCT ON (session_id) ${COLUMNS} FROM chats
            WHERE tenant_id = $1 AND session_id = ANY($2) AND wa_id = ANY($3)
            ORDER BY session_id, array_position($3, wa_id) DESC`,
        },
        [tenantId, sessionIds, waIds],
      ),
    );
  }

  /** Those with the newest message first. */
  list(tenantId: string, filter: ChatFilter, limit: number, after?: ChatPosition): Promise<ListedChat[]> {
    return this.database.tenantSql(tenantId, (query) =>
      query<ListedChat>(
        {
          name: 'chat_list',
          text: `SELECT ${COLUMNS}, ${MICROSECONDS} AS "activeAt" FROM chats
            WHERE tenant_id = $1 AND session_id = ANY($2) AND ($3::text IS NULL OR kind = $3)
              AND ($4::text IS NULL OR name ILIKE '%' || $4 || '%' OR phone LIKE $5)
              AND ($6::bigint IS NULL OR (${ACTIVE_AT}, id) < ('epoch'::timestamptz + $6::bigint * interval '1 microsecond', $7))
            ORDER BY ${ACTIVE_AT} DESC, id DESC LIMIT $8`,
        },
        [
          tenantId,
          filter.sessionIds,
          filter.kind ?? null,
          likeText(filter.search),
          phonePrefix(filter.search),
          after?.activeAt ?? null,
          after?.id ?? null,
          limit,
        ],
      ),
    );
  }

  /**
   * Writes chats as a session reported them, in one statement; what is known (a name, a phone) is never overwritten by
   * null. A chat named by a LID whose phone is known is that of the phone.
   * @param touches messages that may be the newest of their chats
   * @returns for each chat id given, the row that it is
   */
  async upsert(
    tx: Query,
    tenantId: string,
    sessionId: string,
    chats: readonly WaChat[],
    touches: readonly ChatTouch[] = [],
  ): Promise<Map<string, UpsertedChat>> {
    if (chats.length === 0) return new Map();
    const known = await this.identities.canonicalForms(
      tx,
      tenantId,
      sessionId,
      chats.map(({ id }) => id),
    );
    const rows = mergeById(chats, touches, known);
    const stored = await tx<UpsertedChat & object>({ name: 'chat_upsert', text: UPSERT }, [
      tenantId,
      sessionId,
      rows.map(() => newId('cht')),
      rows.map((row) => row.id),
      rows.map((row) => row.kind),
      rows.map((row) => row.name),
      rows.map((row) => row.phone),
      rows.map((row) => row.lid),
      rows.map((row) => row.touch?.messageId ?? null),
      rows.map((row) => row.touch?.at ?? null),
    ]);
    await this.events.append(
      tx,
      stored.flatMap((row) => (row.isChanged ? [chatUpdated(tenantId, sessionId, row)] : [])),
    );
    const byWaId = new Map(stored.map((row) => [row.waId, row]));
    return new Map(
      chats.flatMap(({ id }) => {
        const row = byWaId.get(known.get(id) ?? id);
        return row ? [[id, row] as const] : [];
      }),
    );
  }
}

/** A row to join what was there with what is there, even where nothing changed. */
const UPSERT = `WITH named AS (
    SELECT * FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
      $10::timestamptz[]) AS n (id, wa_id, kind, name, phone, lid, message_id, at)
  ), written AS (
    INSERT INTO chats AS c (tenant_id, id, session_id, wa_id, kind, name, phone, lid, last_message_id, last_message_at)
    SELECT $1, n.id, $2, n.wa_id, n.kind, n.name, n.phone, n.lid, n.message_id, n.at FROM named n
    ON CONFLICT (tenant_id, session_id, wa_id) DO UPDATE SET
      name = coalesce(excluded.name, c.name), phone = coalesce(excluded.phone, c.phone),
      lid = coalesce(excluded.lid, c.lid),
      last_message_id = CASE WHEN c.last_message_at IS NULL OR excluded.last_message_at >= c.last_message_at
        THEN coalesce(excluded.last_message_id, c.last_message_id) ELSE c.last_message_id END,
      last_message_at = greatest(c.last_message_at, excluded.last_message_at), updated_at = now()
    WHERE (coalesce(excluded.name, c.name), coalesce(excluded.phone, c.phone), coalesce(excluded.lid, c.lid))
        IS DISTINCT FROM (c.name, c.phone, c.lid)
      OR c.last_message_at IS NULL AND excluded.last_message_at IS NOT NULL
      OR excluded.last_message_at >= c.last_message_at
    RETURNING c.id, c.wa_id, c.kind, c.name, c.phone, c.lid
  )
  SELECT coalesce(w.id, b.id) AS id, n.wa_id AS "waId", coalesce(w.kind, b.kind) AS kind,
    CASE WHEN w.id IS NULL THEN b.name ELSE w.name END AS name,
    CASE WHEN w.id IS NULL THEN b.phone ELSE w.phone END AS phone,
    CASE WHEN w.id IS NULL THEN b.lid ELSE w.lid END AS lid,
    w.id IS NOT NULL AND b.id IS NOT NULL AND (w.name, w.phone, w.lid) IS DISTINCT FROM (b.name, b.phone, b.lid)
      AS "isChanged"
  FROM named n LEFT JOIN written w ON w.wa_id = n.wa_id
  LEFT JOIN chats b ON b.tenant_id = $1 AND b.session_id = $2 AND b.wa_id = n.wa_id`;

function chatUpdated(tenantId: string, sessionId: string, row: UpsertedChat): NewEvent {
  return { tenantId, sessionId, type: 'chat.updated', data: { chat: toldChat(row), mergedId: null } };
}

/** A chat as events show it. */
export function toldChat(row: UpsertedChat | undefined): object | null {
  if (!row) return null;
  const { id, waId, kind, name, phone, lid } = row;
  return { id, waId, kind, name, phone, lid };
}

type MergedChat = WaChat & { touch: ChatTouch | undefined };

/** One row per chat, sorted so that concurrent batches lock in one order; of several, what is known counts. */
function mergeById(
  chats: readonly WaChat[],
  touches: readonly ChatTouch[],
  known: ReadonlyMap<string, string>,
): MergedChat[] {
  const merged = new Map<string, MergedChat>();
  for (const chat of chats) {
    const id = known.get(chat.id) ?? chat.id;
    const before = merged.get(id);
    merged.set(id, {
      id,
      kind: chat.kind,
      name: chat.name ?? before?.name ?? null,
      phone: chat.phone ?? before?.phone ?? null,
      lid: chat.lid ?? before?.lid ?? (chat.id === id ? null : chat.id),
      touch: undefined,
    });
  }
  for (const touch of touches) {
    const chat = merged.get(known.get(touch.waId) ?? touch.waId);
    if (chat && (!chat.touch || touch.at >= chat.touch.at)) chat.touch = touch;
  }
  return [...merged.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** What a person typed, free of LIKE's wildcards. */
export function likeText(search: string | undefined): string | null {
  return search === undefined ? null : search.replace(/[\\%_]/g, '\\$&');
}

/** Pattern of phones that begin with what a person typed; null when that is no beginning of a number. */
export function phonePrefix(search: string | undefined): string | null {
  const digits = search?.replace(/[\s().+-]/g, '') ?? '';
  return /^\d+$/.test(digits) ? `${digits}%` : null;
}
