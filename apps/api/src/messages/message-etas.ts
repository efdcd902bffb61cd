import { Injectable } from '@nestjs/common';
import { EtaService, type PacedSession } from '../pacing/index.js';
import type { StoredMessage, StoredPace } from './stored-message.js';

/** Says of messages that wait for the pacing of their session when they leave. */
@Injectable()
export class MessageEtas {
  constructor(private readonly etas: EtaService) {}

  /** The same messages, with their `eta`. Asks the database only for sessions with a policy. */
  async fill(messages: readonly StoredMessage[]): Promise<StoredMessage[]> {
    const sessions = new Map<string, { session: PacedSession; ids: string[] }>();
    for (const { id, tenantId, sessionId, pace } of messages) {
      if (!pace || !this.etas.isPaced(pace)) continue;
      const known = sessions.get(sessionId) ?? { session: sessionOf(tenantId, sessionId, pace), ids: [] };
      sessions.set(sessionId, { ...known, ids: [...known.ids, id] });
    }
    if (sessions.size === 0) return [...messages];
    const etas = new Map<string, Date>();
    for (const { session, ids } of sessions.values()) {
      for (const [id, eta] of await this.etas.ofQueued(session, ids)) etas.set(id, eta);
    }
    return messages.map((message) => ({ ...message, eta: etas.get(message.id) ?? null }));
  }
}

function sessionOf(tenantId: string, id: string, pace: StoredPace): PacedSession {
  const dateOf = (text: string | null) => (text === null ? null : new Date(text));
  const { mode, pacing, linkedAt, pausedAt, pausedUntil } = pace;
  return {
    tenantId,
    id,
    mode,
    pacing,
    linkedAt: dateOf(linkedAt),
    pausedAt: dateOf(pausedAt),
    pausedUntil: dateOf(pausedUntil),
  };
}
