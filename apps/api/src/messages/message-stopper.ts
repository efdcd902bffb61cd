import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { SessionMode } from '#contracts';
import { Database, type Query } from '#database';
import { fail } from './dispatcher/attempt-results.js';
import { HOLD_CHANNEL } from '../pacing/index.js';
import { MessageChanges, STATE_COLUMNS, type MessageState } from './message-changes.js';
import { MessageWatch } from './message-watch.js';

/** Whose messages stop: of a chat under the forms of its id, in one session or in all of a mode. */
export interface StoppedChat {
  tenantId: string;
  mode: SessionMode;
  sessionId: string | null;
  waIds: readonly string[];
}

const LONGEST_WAIT_MS = 5_000;
const LOOK_EVERY_MS = 50;

const SESSIONS = `SELECT s.id FROM sessions s
  WHERE s.tenant_id = $1 AND s.mode = $2 AND ($3::text IS NULL OR s.id = $3) AND EXISTS (
    SELECT FROM messages m WHERE m.tenant_id = s.tenant_id AND m.session_id = s.id AND m.chat_wa_id = ANY ($4)
      AND m.status IN ('queued', 'sending')) ORDER BY s.id`;
const LOCK = `SELECT ${STATE_COLUMNS} FROM messages m
  WHERE m.tenant_id = $1 AND m.session_id = $2 AND m.chat_wa_id = ANY ($3) AND m.status IN ('queued', 'sending')
  ORDER BY m.id FOR UPDATE`;
/** Claimed and not called: whoever notes the call first has it. */
const END_UNCALLED = `UPDATE message_attempts a SET outcome = 'not_sent', reason = 'recipient_opted_out', ended_at = now()
  WHERE a.tenant_id = $1 AND a.message_id = ANY ($2) AND a.ended_at IS NULL AND a.called_at IS NULL
  RETURNING a.message_id AS id`;
const UNDER_WAY = `SELECT count(*)::int AS count FROM message_attempts a
  JOIN messages m ON m.tenant_id = a.tenant_id AND m.id = a.message_id
  WHERE a.session_id = ANY ($2) AND a.tenant_id = $1 AND a.ended_at IS NULL AND m.chat_wa_id = ANY ($3)`;

/** Ends what waits for somebody who opted out. What comes into the queue at the same moment is ended by its claim. */
@Injectable()
export class MessageStopper {
  constructor(
    private readonly database: Database,
    private readonly changes: MessageChanges,
    private readonly watch: MessageWatch,
  ) {}

  /** Resolves with the number of messages that were being handed over, and still are after 5 seconds. */
  async stop(chat: StoppedChat): Promise<number> {
    const sessionIds = await this.database.workerSql((query) => this.listSessions(query, chat));
    for (const sessionId of sessionIds) {
      const ended = await this.database.workerSql((query) => this.end(query, chat, sessionId));
      for (const id of ended) this.watch.tell(id);
    }
    const deadlineMs = performance.now() + LONGEST_WAIT_MS;
    for (;;) {
      const count = sessionIds.length === 0 ? 0 : await this.countUnderWay(chat, sessionIds);
      if (count === 0 || performance.now() >= deadlineMs) return count;
      await delay(LOOK_EVERY_MS);
    }
  }

  private async listSessions(query: Query, chat: StoppedChat): Promise<string[]> {
    const { tenantId, mode, sessionId, waIds } = chat;
    const rows = await query<{ id: string }>(SESSIONS, [tenantId, mode, sessionId, waIds]);
    return rows.map(({ id }) => id);
  }

  private async end(query: Query, { tenantId, waIds }: StoppedChat, sessionId: string): Promise<string[]> {
    await query('SELECT wagate_lock_claims($1)', [sessionId]);
    const found = await query<MessageState & object>(LOCK, [tenantId, sessionId, waIds]);
    const sending = found.filter(({ status }) => status === 'sending').map(({ id }) => id);
    const uncalled = await query<{ id: string }>(END_UNCALLED, [tenantId, sending]);
    const stopped = new Set(uncalled.map(({ id }) => id));
    const now = new Date();
    const changes = found
      .filter(({ id, status }) => status === 'queued' || stopped.has(id))
      .map((before) => ({ before, after: fail(before, 'recipient_opted_out', now) }));
    await this.changes.save(query, changes);
    // What is noted already whoever claimed it gives back, and the next claim ends it.
    if (changes.length < found.length)
      await query('SELECT pg_notify($1, $2)', [HOLD_CHANNEL, [sessionId, ...waIds].join(' ')]);
    return changes.map(({ after }) => after.id);
  }

  private async countUnderWay({ tenantId, waIds }: StoppedChat, sessionIds: string[]): Promise<number> {
    const [row] = await this.database.workerSql((query) =>
      query<{ count: number }>(UNDER_WAY, [tenantId, sessionIds, waIds]),
    );
    return row?.count ?? 0;
  }
}
