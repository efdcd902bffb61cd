import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Query } from '#database';
import { EventLog } from '../events/index.js';
import { NodeFactHandlers, type FactOf, type StoredSession } from '../nodes/index.js';

/**
 * Only of a session that waits to be linked: what is told late may be of a link that was made meanwhile. A next code may
 * expire before the one it replaces: the first of a page is good for longer than later ones.
 */
const NOTE = {
  name: 'qr_note',
  text: `UPDATE sessions SET qr_expires_at = $3 WHERE tenant_id = $1 AND id = $2 AND state = 'pairing'
      AND qr_expires_at IS DISTINCT FROM $3 RETURNING id`,
};

/**
 * Tells tenants that a session shows a new QR code, and where it is. The code itself is a secret that is in no event. Of
 * several codes that come at once only the last is told, as only that one can still be scanned.
 */
@Injectable()
export class QrNotices implements OnModuleInit {
  constructor(
    private readonly handlers: NodeFactHandlers,
    private readonly events: EventLog,
  ) {}

  onModuleInit(): void {
    this.handlers.register('session.qr', (tx, session, facts) => this.record(tx, session, facts));
  }

  private async record(tx: Query, session: StoredSession, facts: FactOf<'session.qr'>[]): Promise<void> {
    const newest = facts.at(-1);
    if (!newest) return;
    const { tenantId, id } = session;
    const noted = await tx(NOTE, [tenantId, id, newest.expiresAt]);
    if (noted.length === 0) return;
    const { attempt, expiresAt } = newest;
    const data = { attempt, expiresAt, url: `/api/v1/sessions/${id}/qr` };
    await this.events.append(tx, [{ tenantId, sessionId: id, type: 'session.qr', data }]);
  }
}
