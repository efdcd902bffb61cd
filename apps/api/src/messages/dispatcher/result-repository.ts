import { Injectable } from '@nestjs/common';
import { chatKind } from '#contracts';
import { Database, type Query } from '#database';
import { ChatRepository } from '../../chats/index.js';
import { MessageChanges, STATE_COLUMNS, type MessageChange, type MessageState } from '../message-changes.js';
import { settleAttempt, type AttemptChange } from './attempt-results.js';
import type { AttemptResult } from './claimed-message.js';

interface LockedAttempt extends MessageState {
  number: number;
  /** Earlier attempts of the message that failed for a reason that counts. */
  failures: number;
}

const LOCK = {
  name: 'attempts_lock',
  text: `SELECT ${STATE_COLUMNS}, r.number,
      CASE WHEN m.attempts > 1 THEN (SELECT count(*)::int FROM message_attempts a WHERE a.tenant_id = m.tenant_id
        AND a.message_id = m.id AND a.outcome = 'not_sent' AND a.reason NOT LIKE 'held: %') ELSE 0 END AS failures
    FROM unnest($1::text[], $2::text[], $3::int[]) AS r (tenant_id, id, number)
    JOIN messages m ON m.tenant_id = r.tenant_id AND m.id = r.id
    ORDER BY m.tenant_id, m.id FOR UPDATE OF m`,
};
const END = {
  name: 'attempts_end',
  text: `UPDATE message_attempts a SET outcome = e.outcome, reason = e.reason, ended_at = now(),
      lookup_at = CASE WHEN e.lookup THEN now() END
    FROM jsonb_to_recordset($1::jsonb) AS e(tenant text, id text, number int, outcome text, reason text, lookup boolean)
    WHERE a.tenant_id = e.tenant AND a.message_id = e.id AND a.number = e.number`,
};
const FORGET = {
  name: 'attempts_forget',
  text: `DELETE FROM message_attempts a USING unnest($1::text[], $2::text[], $3::int[]) AS r (tenant_id, id, number)
    WHERE a.tenant_id = r.tenant_id AND a.message_id = r.id AND a.number = r.number AND a.outcome IS NULL`,
};

/** Writes how attempts ended, many in one transaction. */
@Injectable()
export class ResultRepository {
  constructor(
    private readonly database: Database,
    private readonly changes: MessageChanges,
    private readonly chats: ChatRepository,
  ) {}

  async write(results: readonly AttemptResult[]): Promise<void> {
    await this.database.workerSql((query) => this.writeIn(query, results));
  }

  private async writeIn(query: Query, results: readonly AttemptResult[]): Promise<void> {
    const locked = await query<LockedAttempt & object>(LOCK, [
      results.map((result) => result.tenantId),
      results.map((result) => result.messageId),
      results.map((result) => result.attempt),
    ]);
    const ends = new Map(results.map((result) => [keyOf(result.messageId, result.attempt), result.end]));
    const now = new Date();
    const changes: MessageChange[] = [];
    const attempts: { row: LockedAttempt; change: AttemptChange }[] = [];
    for (const row of locked) {
      const end = ends.get(keyOf(row.id, row.number));
      if (!end) continue;
      const context = { isCurrent: row.attempts === row.number, failures: row.failures, now };
      const settled = settleAttempt(row, end, context);
      if (settled.message !== row) changes.push({ before: row, after: settled.message });
      attempts.push({ row, change: settled.attempt });
    }
    await this.changes.save(query, changes);
    await this.endAttempts(query, attempts);
    await this.touchChats(query, changes);
  }

  private async endAttempts(
    query: Query,
    attempts: { row: LockedAttempt; change: AttemptChange }[],
  ): Promise<void> {
    const ended = attempts.flatMap(({ row, change }) =>
      change ? [{ tenant: row.tenantId, id: row.id, number: row.number, ...change }] : [],
    );
    if (ended.length > 0) await query(END, [JSON.stringify(ended)]);
    const forgotten = attempts.filter(({ change }) => change === null).map(({ row }) => row);
    if (forgotten.length === 0) return;
    await query(FORGET, [
      forgotten.map((row) => row.tenantId),
      forgotten.map((row) => row.id),
      forgotten.map((row) => row.number),
    ]);
  }

  /** The chats of what was handed over exist from now on, and this is the newest thing in them. */
  private async touchChats(query: Query, changes: readonly MessageChange[]): Promise<void> {
    const handed = changes.filter(({ before, after }) => before.waKey === null && after.waKey !== null);
    const bySession = new Map<string, MessageState[]>();
    for (const { after } of handed) {
      bySession.set(after.sessionId, [...(bySession.get(after.sessionId) ?? []), after]);
    }
    for (const [sessionId, messages] of bySession) {
      const chats = [...new Set(messages.map((message) => message.chatId))].map(toChat);
      const touches = messages.map(({ id, chatId, occurredAt }) => ({
        waId: chatId,
        messageId: id,
        at: occurredAt,
      }));
      await this.chats.upsert(query, messages[0]?.tenantId ?? '', sessionId, chats, touches);
    }
  }
}

function keyOf(messageId: string, attempt: number): string {
  return `${messageId} ${String(attempt)}`;
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
