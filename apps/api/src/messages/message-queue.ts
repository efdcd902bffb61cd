import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Query, SessionRow } from '#database';
import { SessionEndings, type SessionEndCode } from '../sessions/index.js';
import { MessageChanges, STATE_COLUMNS, type MessageState } from './message-changes.js';

/** Messages that end with the session at once; a queue may hold any number, and the rest is swept after it. */
const AT_ONCE = 1_000;

/** Those under way too: until they are held, their ends may still put them back into the queue. */
const LOCK = `SELECT ${STATE_COLUMNS} FROM messages m WHERE m.tenant_id = $1 AND m.id IN (
    SELECT o.id FROM messages o WHERE o.tenant_id = $1 AND o.session_id = $2 AND o.status IN ('sending', 'unknown')
    UNION ALL (SELECT q.id FROM messages q WHERE q.tenant_id = $1 AND q.session_id = $2 AND q.status = 'queued'
      ORDER BY q.priority DESC, q.id LIMIT ${String(AT_ONCE)}))
  ORDER BY m.id FOR UPDATE`;

/** What is under way ends as it ends; what turns out not to have left does not go back to a queue that is none. */
const MARK_ATTEMPTS = `UPDATE message_attempts a SET session_end = $3
  WHERE a.tenant_id = $1 AND a.session_id = $2 AND (a.ended_at IS NULL OR a.lookup_at IS NOT NULL)`;

/** What waits to be sent ends with its session. */
@Injectable()
export class MessageQueue implements OnModuleInit {
  constructor(
    private readonly endings: SessionEndings,
    private readonly changes: MessageChanges,
  ) {}

  onModuleInit(): void {
    this.endings.register((query, session, code) => this.endSession(query, session, code));
  }

  private async endSession(query: Query, { tenantId, id }: SessionRow, code: SessionEndCode): Promise<void> {
    await query('SELECT wagate_lock_claims($1)', [id]);
    const now = new Date();
    const found = await query<MessageState & object>(LOCK, [tenantId, id]);
    const changes = found
      .filter(({ status }) => status === 'queued')
      .map((before) => ({
        before,
        after: { ...before, status: 'failed' as const, errorCode: code, endedAt: now },
      }));
    await this.changes.save(query, changes);
    await query(MARK_ATTEMPTS, [tenantId, id, code]);
  }
}
