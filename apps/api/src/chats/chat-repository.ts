import { Injectable } from '@nestjs/common';
import { chatIdSchema, type WaChat } from '#contracts';
import { type ChatRow, Database, type Query } from '#database';
import { newId } from '#kernel';
import { findAliases, type Aliases } from './known-lids.js';

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

/** A chat with the time that orders it, in microseconds since 1970: a Date would lose what Postgres keeps. */
export type ListedChat = ChatRow & { activeAt: string };

const COLUMNS = `tenant_id AS "tenantId", id, session_id AS "sessionId", wa_id AS "waId", kind, name, phone, lid,
  last_message_id AS "lastMessageId", last_message_at AS "lastMessageAt", created_at AS "createdAt",
  updated_at AS "updatedAt"`;
const ACTIVE_AT = 'coalesce(last_message_at, created_at)';
const MICROSECONDS = `(extract(epoch FROM ${ACTIVE_AT}) * 1000000)::bigint::text`;

/** The chats of a tenant's sessions. */
@Injectable()
export class ChatRepository {
  constructor(private readonly database: Database) {}

  async find(tenantId: string, id: string): Promise<ChatRow | undefined> {
    if (!chatIdSchema.safeParse(id).success) return undefined;
    return this.database.tenantSql(tenantId, async (query) => {
      const rows = await query<ChatRow & object>(
        { name: 'chat_find', text: `SELECT ${COLUMNS} FROM chats WHERE tenant_id = $1 AND id = $2` },
        [tenantId, id],
      );
      return rows[0];
    });
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
   * null. A chat that was stored under its LID moves to its phone form, and its messages with it.
   * @param touches messages that may be the newest of their chats; a chat only named here is not made
   * @returns for each chat id given, the id it is stored under
   */
  async upsert(
    tx: Query,
    tenantId: string,
    sessionId: string,
    chats: readonly WaChat[],
    touches: readonly ChatTouch[] = [],
  ): Promise<Map<string, string>> {
    if (chats.length === 0) return new Map();
    const { renamed, known } = await findAliases(tx, 'chats', tenantId, sessionId, chats);
    if (renamed.size > 0) await rename(tx, tenantId, sessionId, renamed);
    const rows = mergeById(chats, touches, known);
    await tx({ name: 'chat_upsert', text: UPSERT }, [
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
    return new Map(chats.map(({ id }) => [id, known.get(id) ?? id]));
  }
}

const UPSERT = `INSERT INTO chats AS c
    (tenant_id, id, session_id, wa_id, kind, name, phone, lid, last_message_id, last_message_at)
  SELECT $1, n.id, $2, n.wa_id, n.kind, n.name, n.phone, n.lid, n.message_id, n.at
  FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::timestamptz[])
    AS n (id, wa_id, kind, name, phone, lid, message_id, at)
  ON CONFLICT (tenant_id, session_id, wa_id) DO UPDATE SET
    name = coalesce(excluded.name, c.name), phone = coalesce(excluded.phone, c.phone),
    lid = coalesce(excluded.lid, c.lid),
    last_message_id = CASE WHEN c.last_message_at IS NULL OR excluded.last_message_at >= c.last_message_at
      THEN coalesce(excluded.last_message_id, c.last_message_id) ELSE c.last_message_id END,
    last_message_at = greatest(c.last_message_at, excluded.last_message_at), updated_at = now()
  WHERE (coalesce(excluded.name, c.name), coalesce(excluded.phone, c.phone), coalesce(excluded.lid, c.lid))
      IS DISTINCT FROM (c.name, c.phone, c.lid)
    OR c.last_message_at IS NULL AND excluded.last_message_at IS NOT NULL
    OR excluded.last_message_at >= c.last_message_at`;

/** Rows under a LID whose phone form is known now: renamed, or merged into the row of the phone form. */
async function rename(tx: Query, tenantId: string, sessionId: string, renamed: Aliases): Promise<void> {
  const values = [tenantId, sessionId, [...renamed.keys()], [...renamed.values()]];
  const pairs = 'unnest($3::text[], $4::text[]) AS p (lid, wa_id)';
  const own = 't.tenant_id = $1 AND t.session_id = $2';
  await tx(
    `UPDATE chats t SET wa_id = p.wa_id, lid = p.lid, updated_at = now() FROM ${pairs} WHERE ${own} AND t.wa_id = p.lid
       AND NOT EXISTS (SELECT FROM chats o WHERE o.tenant_id = $1 AND o.session_id = $2 AND o.wa_id = p.wa_id)`,
    values,
  );
  await tx(
    `WITH gone AS (DELETE FROM chats t USING ${pairs} WHERE ${own} AND t.wa_id = p.lid
         RETURNING p.wa_id, t.last_message_id, t.last_message_at)
     UPDATE chats t SET last_message_id = gone.last_message_id, last_message_at = gone.last_message_at
     FROM gone WHERE ${own} AND t.wa_id = gone.wa_id AND gone.last_message_at > coalesce(t.last_message_at, '-infinity')`,
    values,
  );
  await tx(
    `UPDATE messages t SET chat_wa_id = p.wa_id FROM ${pairs} WHERE ${own} AND t.chat_wa_id = p.lid`,
    values,
  );
}

type MergedChat = WaChat & { touch: ChatTouch | undefined };

/** One row per chat, sorted so that concurrent batches lock in one order; of several, what is known counts. */
function mergeById(chats: readonly WaChat[], touches: readonly ChatTouch[], known: Aliases): MergedChat[] {
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
