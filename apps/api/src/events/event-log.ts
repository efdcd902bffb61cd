import { Injectable } from '@nestjs/common';
import type { EventType } from '#contracts';
import type { Query } from '#database';
import { newId } from '#kernel';
import { EventRelay } from './event-relay.js';

/** What a tenant is told. */
export interface NewEvent {
  tenantId: string;
  /** null: it concerns the tenant as a whole. */
  sessionId: string | null;
  type: EventType;
  /** Ids and content, never keys, QR codes or other secrets. One that is about a message has its `messageId`. */
  data: Record<string, unknown>;
}

const APPEND = {
  name: 'events_append',
  text: `INSERT INTO events (tenant_id, id, session_id, type, data)
    SELECT e.tenant, e.id, e.session, e.type, e.data
    FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS (tenant text, id text, session text, type text, data jsonb))
      WITH ORDINALITY AS e (tenant, id, session, type, data, place) ORDER BY e.place`,
};

/** Where every feature writes down what tenants are told. */
@Injectable()
export class EventLog {
  constructor(private readonly relay: EventRelay) {}

  /**
   * Writes events, of any tenants in a worker's transaction, in the transaction of the change they tell of: they are
   * there exactly when the change is. One statement, which waits for nobody. Tenants get them in this order, and after
   * those of transactions that were committed before.
   */
  async append(query: Query, events: readonly NewEvent[]): Promise<void> {
    if (events.length === 0) return;
    const rows = events.map(({ tenantId, sessionId, type, data }) => ({
      tenant: tenantId,
      id: newId('evt'),
      session: sessionId,
      type,
      data,
    }));
    await query(APPEND, [JSON.stringify(rows)]);
    this.relay.wake();
  }
}
