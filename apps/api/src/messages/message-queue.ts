import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Query, SessionRow } from '#database';
import { SessionEndings, type SessionEndCode } from '../sessions/index.js';
import { MessageChanges, STATE_COLUMNS, type MessageState } from './message-changes.js';

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
    const ended = await query<MessageState & object>(
      `UPDATE messages m SET status = 'failed', error_code = $3, ended_at = now()
       WHERE m.tenant_id = $1 AND m.session_id = $2 AND m.status = 'queued' RETURNING ${STATE_COLUMNS}`,
      [tenantId, id, code],
    );
    await this.changes.tell(query, ended);
    await this.changes.count(query, [{ tenant: tenantId, session: id, failed: ended.length }]);
  }
}
