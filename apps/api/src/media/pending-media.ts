import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Query, SessionRow } from '#database';
import { EventLog, type NewEvent } from '../events/index.js';
import { SessionEndings, type SessionEndCode } from '../sessions/index.js';

/** Files that are ended in one go; any number may wait. */
const AT_ONCE = 1_000;

const END = {
  name: 'media_pending_end',
  text: `WITH chosen AS (
      SELECT d.tenant_id, d.id FROM media d WHERE d.tenant_id = $1 AND d.session_id = $2 AND d.state = 'pending'
      ORDER BY d.created_at LIMIT ${String(AT_ONCE)} FOR UPDATE
    )
    UPDATE media d SET state = 'failed', error = $3, claimed_until = NULL, claimed_by = NULL, next_attempt_at = NULL
    FROM chosen c WHERE d.tenant_id = c.tenant_id AND d.id = c.id
    RETURNING d.id, d.mime_type AS "mimeType", d.filename, d.size::float8 AS size, d.sha256,
      (SELECT m.id FROM messages m WHERE m.tenant_id = d.tenant_id AND m.media_id = d.id
        ORDER BY m.id LIMIT 1) AS "messageId"`,
};

interface Ended {
  id: string;
  mimeType: string;
  filename: string | null;
  size: number | null;
  sha256: string | null;
  messageId: string | null;
}

/** Files that wait in WhatsApp end with their session: nobody else can fetch them. */
@Injectable()
export class PendingMedia implements OnModuleInit {
  constructor(
    private readonly endings: SessionEndings,
    private readonly events: EventLog,
  ) {}

  onModuleInit(): void {
    this.endings.register((query, session, code) => this.endSession(query, session, code));
  }

  private async endSession(query: Query, { tenantId, id }: SessionRow, code: SessionEndCode): Promise<void> {
    for (let count = AT_ONCE; count === AT_ONCE;) {
      const ended = await query<Ended & object>(END, [tenantId, id, code]);
      await this.events.append(
        query,
        ended.map((file) => failed(tenantId, id, file, code)),
      );
      count = ended.length;
    }
  }
}

function failed(tenantId: string, sessionId: string, file: Ended, error: SessionEndCode): NewEvent {
  const { messageId, ...described } = file;
  const media = { ...described, state: 'failed', url: null, error };
  return { tenantId, sessionId, type: 'media.failed', data: { messageId, media } };
}
