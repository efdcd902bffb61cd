import type { EventEnvelope } from '#contracts';
import type { StoredEvent } from './event-repository.js';

/** An event as tenants get it. */
export function toEnvelope(event: StoredEvent): EventEnvelope {
  const { id, seq, type, createdAt, tenantId, sessionId, sessionName, data } = event;
  return {
    id,
    seq,
    type,
    apiVersion: '1',
    createdAt: createdAt.toISOString(),
    tenantId,
    session: sessionId !== null && sessionName !== null ? { id: sessionId, name: sessionName } : null,
    data,
  };
}
