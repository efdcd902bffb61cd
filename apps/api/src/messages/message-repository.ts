import { Injectable } from '@nestjs/common';
import type { MessageStatus } from '#contracts';
import { Database, planByAverages, type Statement } from '#database';
import { AppError } from '#kernel';
import type { AuthContext } from '../auth/index.js';
import {
  detailsOf,
  listStatement,
  visibility,
  VISIBLE,
  type MessageFilter,
  type MessageRange,
} from './message-list.js';
import { MESSAGE_SELECT, type StoredMessage } from './stored-message.js';

/** A message that another one may quote. */
export interface QuotableMessage {
  id: string;
  sessionId: string;
  chatId: string;
  waMessageId: string | null;
}

const GET = {
  name: 'message_get',
  text: `${MESSAGE_SELECT} WHERE m.tenant_id = $1 AND ${VISIBLE} AND m.id = $4`,
};
/** Prepared: planning it takes as long as reading the messages. */
const LIST_BY_IDS = {
  name: 'messages_by_ids',
  text: `WITH wanted AS MATERIALIZED (SELECT unnest($4::text[]) AS id) ${detailsOf('wanted')} WHERE ${VISIBLE}`,
};

/** Reads the messages of one tenant, as far as the key that asks may see them. */
@Injectable()
export class MessageRepository {
  constructor(private readonly database: Database) {}

  /** @throws AppError `not_found` */
  async get(auth: AuthContext, id: string): Promise<StoredMessage> {
    const [message] = await this.read(auth, GET, [...visibility(auth), id]);
    if (!message) throw noSuchMessage();
    return message;
  }

  /** Newest first, in the order that `isByTime` names. */
  list(auth: AuthContext, filter: MessageFilter, range: MessageRange): Promise<StoredMessage[]> {
    const { text, values } = listStatement(auth, filter, range);
    return this.read(auth, text, values);
  }

  /** Those of the messages that there are, in the order of the ids. */
  async listByIds(auth: AuthContext, ids: readonly string[]): Promise<StoredMessage[]> {
    if (ids.length === 0) return [];
    const rows = await this.read(auth, LIST_BY_IDS, [...visibility(auth), ids]);
    return rows.sort((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id));
  }

  /**
   * Takes a message out of the queue.
   * @throws AppError `not_found`, `already_sent` (it has left, or may have), `invalid_state` (it never will, or came in)
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
      const [message] = await query<StoredMessage & object>(GET, [...visibility(auth), id]);
      if (!message) throw noSuchMessage();
      if (!cancelled && message.status !== 'cancelled') {
        throw notCancellable(message.status);
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

  private read(auth: AuthContext, statement: Statement, values: unknown[]): Promise<StoredMessage[]> {
    return this.database.tenantSql(auth.tenantId, async (query) => {
      const [, rows] = await Promise.all([
        planByAverages(query),
        query<StoredMessage & object>(statement, values),
      ]);
      return rows;
    });
  }
}

/** Of these nothing has left. */
const NEVER_SENT: ReadonlySet<MessageStatus> = new Set(['failed', 'expired', 'received']);

function notCancellable(status: MessageStatus): AppError {
  const why = status === 'received' ? 'the message came in' : `the message is ${status}`;
  return new AppError(
    NEVER_SENT.has(status) ? 'invalid_state' : 'already_sent',
    `${why}; only a queued one can be cancelled`,
  );
}

/** The same for a message that does not exist and for one of another tenant. */
export function noSuchMessage(): AppError {
  return new AppError('not_found', 'there is no such message');
}
