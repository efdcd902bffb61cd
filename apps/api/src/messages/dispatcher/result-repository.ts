import { Injectable } from '@nestjs/common';
import { chatKind } from '#contracts';
import { Database, type Query } from '#database';
import { ChatRepository } from '../../chats/index.js';
import { MessageChanges, STATE_COLUMNS, type MessageChange, type MessageState } from '../message-changes.js';
import {
  attemptKey,
  AttemptRepository,
  boundLockWait,
  type AttemptEnding,
  type AttemptKey,
} from './attempt-repository.js';
import { settleAttempt } from './attempt-results.js';
import type { AttemptResult } from './claimed-message.js';

type LockedMessage = MessageState & { number: number };

const LOCK = {
  name: 'attempts_lock',
  text: `SELECT ${STATE_COLUMNS}, r.number
    FROM unnest($1::text[], $2::text[], $3::int[]) AS r (tenant_id, id, number)
    JOIN messages m ON m.tenant_id = r.tenant_id AND m.id = r.id
    ORDER BY m.tenant_id, m.id FOR UPDATE OF m`,
};

interface HandedMessage {
  tenantId: string;
  sessionId: string;
  messageId: string;
  chatId: string;
  at: Date;
}

/** Writes how attempts ended, many in one transaction: chats, then messages, then attempts, as the intake does. */
@Injectable()
export class ResultRepository {
  constructor(
    private readonly database: Database,
    private readonly changes: MessageChanges,
    private readonly attempts: AttemptRepository,
    private readonly chats: ChatRepository,
  ) {}

  /** @param lockWaitMs how long it waits for each row that others hold */
  async write(results: readonly AttemptResult[], lockWaitMs: number): Promise<void> {
    await this.database.workerSql(async (query) => {
      await Promise.all([boundLockWait(query, lockWaitMs), this.writeIn(query, results)]);
    });
  }

  private async writeIn(query: Query, results: readonly AttemptResult[]): Promise<void> {
    await this.touchChats(query, results.flatMap(handedBy));
    const [locked, histories] = await Promise.all([
      query<LockedMessage & object>(LOCK, [
        results.map((result) => result.tenantId),
        results.map((result) => result.messageId),
        results.map((result) => result.attempt),
      ]),
      this.attempts.read(query, results),
    ]);
    const ends = new Map(results.map((result) => [attemptKey(result.messageId, result.attempt), result.end]));
    const now = new Date();
    const changes: MessageChange[] = [];
    const ended: AttemptEnding[] = [];
    const forgotten: AttemptKey[] = [];
    for (const row of locked) {
      const name = attemptKey(row.id, row.number);
      const end = ends.get(name);
      const history = histories.get(name);
      if (!end || !history) continue;
      const settled = settleAttempt(row, end, { ...history, isCurrent: row.claims === row.number, now });
      if (settled.message !== row) changes.push({ before: row, after: settled.message });
      const key = { tenantId: row.tenantId, messageId: row.id, attempt: row.number };
      if (settled.attempt) ended.push({ ...key, ...settled.attempt });
      else forgotten.push(key);
    }
    await this.changes.save(query, changes);
    await this.attempts.end(query, ended);
    await this.attempts.forget(query, forgotten);
  }

  /** The chats of what was handed over exist from now on, and this is the newest thing in them. */
  private async touchChats(query: Query, handed: readonly HandedMessage[]): Promise<void> {
    const bySession = new Map<string, HandedMessage[]>();
    for (const message of handed) {
      const session = `${message.tenantId} ${message.sessionId}`;
      bySession.set(session, [...(bySession.get(session) ?? []), message]);
    }
    for (const session of [...bySession.keys()].sort()) {
      const messages = bySession.get(session) ?? [];
      const [first] = messages;
      if (!first) continue;
      const chats = [...new Set(messages.map((message) => message.chatId))].map(toChat);
      const touches = messages.map(({ messageId, chatId, at }) => ({ waId: chatId, messageId, at }));
      await this.chats.upsert(query, first.tenantId, first.sessionId, chats, touches);
    }
  }
}

function handedBy({ tenantId, sessionId, messageId, end }: AttemptResult): HandedMessage[] {
  if (end.kind !== 'outcome' || end.outcome.outcome !== 'handed') return [];
  const { chatId, timestamp } = end.outcome;
  return [{ tenantId, sessionId, messageId, chatId, at: new Date(timestamp) }];
}

function toChat(chatId: string) {
  const bare = chatId.slice(0, chatId.indexOf('@'));
  return {
    id: chatId,
    kind: chatKind(chatId) ?? ('person' as const),
    name: null,
    phone: chatId.endsWith('@c.us') ? bare : null,
    lid: chatId.endsWith('@lid') ? chatId : null,
  };
}
