import { Injectable } from '@nestjs/common';
import type { MessageStatus, MessageType } from '#contracts';
import { Database } from '#database';
import { AppError } from '#kernel';
import type { AuthContext } from '../auth/index.js';
import { MESSAGE_SELECT, type StoredMessage } from './stored-message.js';

export interface MessageFilter {
  sessionId?: string | undefined;
  /** WhatsApp's chat ids: the forms under which rows of one chat may stand. */
  chatIds?: readonly string[] | undefined;
  /** WhatsApp's ids of the author of what came in, likewise. */
  authorIds?: readonly string[] | undefined;
  direction?: 'in' | 'out' | undefined;
  status?: MessageStatus | undefined;
  type?: MessageType | undefined;
  /** On `occurredAt`; from is part of the range, to is not. */
  from?: Date | undefined;
  to?: Date | undefined;
}

/** A message that another one may quote. */
export interface QuotableMessage {
  id: string;
  sessionId: string;
  chatId: string;
  waMessageId: string | null;
}

/** Messages of the sessions that a key may use: of its mode, and within its list. */
const VISIBLE = `s.mode = $2 AND ($3::text[] IS NULL OR s.id = ANY($3))`;

/** Reads the messages of one tenant, as far as the key that asks may see them. */
@Injectable()
export class MessageRepository {
  constructor(private readonly database: Database) {}

  /** @throws AppError `not_found` */
  async get(auth: AuthContext, id: string): Promise<StoredMessage> {
    const [message] = await this.database.tenantSql(auth.tenantId, (query) =>
      query<StoredMessage & object>(
        {
          name: 'message_get',
          text: `${MESSAGE_SELECT} WHERE m.tenant_id = $1 AND ${VISIBLE} AND m.id = $4`,
        },
        [...visibility(auth), id],
      ),
    );
    if (!message) throw noSuchMessage();
    return message;
  }

  /** Newest first; `limit` + 1 rows at most, so that the surplus tells of a next page. */
  list(auth: AuthContext, filter: MessageFilter, limit: number, afterId?: string): Promise<StoredMessage[]> {
    const values: unknown[] = visibility(auth);
    const conditions = [`m.tenant_id = $1`, VISIBLE];
    const where = (condition: (place: string) => string, value: unknown) => {
      if (value === undefined) return;
      values.push(value);
      conditions.push(condition(`$${String(values.length)}`));
    };
    where((place) => `m.session_id = ${place}`, filter.sessionId);
    const whereOneOf = (column: string, ids: readonly string[] | undefined) =>
      ids?.length === 1
        ? where((place) => `${column} = ${place}`, ids[0])
        : where((place) => `${column} = ANY(${place})`, ids);
    whereOneOf('m.chat_wa_id', filter.chatIds);
    if (filter.authorIds) conditions.push(`m.direction = 'in'`);
    whereOneOf('m.author_wa_id', filter.authorIds);
    where((place) => `m.direction = ${place}`, filter.direction);
    where((place) => `m.status = ${place}`, filter.status);
    where((place) => `m.type = ${place}`, filter.type);
    where((place) => `m.occurred_at >= ${place}`, filter.from);
    where((place) => `m.occurred_at < ${place}`, filter.to);
    where((place) => `m.id < ${place}`, afterId);
    const text = `${MESSAGE_SELECT} WHERE ${conditions.join(' AND ')} ORDER BY m.id DESC LIMIT ${String(limit + 1)}`;
    return this.database.tenantSql(auth.tenantId, (query) => query<StoredMessage & object>(text, values));
  }

  /**
   * Takes a message out of the queue.
   * @throws AppError `not_found`, `already_sent` (it is on its way, or has ended)
   */
  async cancel(auth: AuthContext, id: string): Promise<StoredMessage> {
    return this.database.tenantSql(auth.tenantId, async (query) => {
      const [cancelled] = await query<{ id: string }>(
        {
          name: 'message_cancel',
          text: `UPDATE messages m SET status = 'cancelled', ended_at = now() FROM sessions s
            WHERE m.tenant_id = $1 AND s.tenant_id = m.tenant_id AND s.id = m.session_id AND ${VISIBLE}
              AND m.id = $4 AND m.status = 'queued' RETURNING m.id`,
        },
        [...visibility(auth), id],
      );
      const [message] = await query<StoredMessage & object>(
        {
          name: 'message_get',
          text: `${MESSAGE_SELECT} WHERE m.tenant_id = $1 AND ${VISIBLE} AND m.id = $4`,
        },
        [...visibility(auth), id],
      );
      if (!message) throw noSuchMessage();
      if (!cancelled && message.status !== 'cancelled') {
        throw new AppError(
          'already_sent',
          `the message is ${message.status}; only a queued one can be cancelled`,
        );
      }
      return message;
    });
  }

  async findQuotable(tenantId: string, id: string): Promise<QuotableMessage | undefined> {
    const [message] = await this.database.tenantSql(tenantId, (query) =>
      query<QuotableMessage & object>(
        {
          name: 'message_quotable',
          text: `SELECT id, session_id AS "sessionId", chat_wa_id AS "chatId", wa_message_id AS "waMessageId"
            FROM messages WHERE tenant_id = $1 AND id = $2 AND wa_key IS NOT NULL`,
        },
        [tenantId, id],
      ),
    );
    return message;
  }

  /** Whether a chat id names the chat of a message, under its phone form or its LID. */
  async isSameChat(message: QuotableMessage, chatId: string, tenantId: string): Promise<boolean> {
    if (message.chatId === chatId) return true;
    const rows = await this.database.tenantSql(tenantId, (query) =>
      query(`SELECT FROM chats WHERE tenant_id = $1 AND session_id = $2 AND wa_id = $3 AND lid = $4`, [
        tenantId,
        message.sessionId,
        message.chatId,
        chatId,
      ]),
    );
    return rows.length > 0;
  }

  /** How many messages of a session wait to be sent. */
  async queuedCount(tenantId: string, sessionId: string): Promise<number> {
    const [row] = await this.database.tenantSql(tenantId, (query) =>
      query<{ count: number }>(
        `SELECT count(*)::int AS count FROM messages WHERE tenant_id = $1 AND session_id = $2 AND status = 'queued'`,
        [tenantId, sessionId],
      ),
    );
    return row?.count ?? 0;
  }
}

function visibility(auth: AuthContext): [string, string, readonly string[] | null] {
  return [auth.tenantId, auth.mode, auth.sessionIds];
}

/** The same for a message that does not exist and for one of another tenant. */
export function noSuchMessage(): AppError {
  return new AppError('not_found', 'there is no such message');
}
