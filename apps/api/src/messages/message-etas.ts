import { Injectable } from '@nestjs/common';
import { EtaService, promiseOf, UNPACED, type PacedSession, type QueuedPace } from '../pacing/index.js';
import type { StoredMessage, StoredPace } from './stored-message.js';

/** Says of messages that wait for the pacing of their session when they leave. */
@Injectable()
export class MessageEtas {
  constructor(private readonly etas: EtaService) {}

  /** The same messages, with what they may promise. Asks the database only for sessions with a policy. */
  async fill(messages: readonly StoredMessage[]): Promise<StoredMessage[]> {
    const sessions = new Map<string, { session: PacedSession; ids: string[] }>();
    for (const { id, tenantId, sessionId, pace } of messages) {
      if (!pace) continue;
      const known = sessions.get(sessionId) ?? { session: sessionOf(tenantId, sessionId, pace), ids: [] };
      sessions.set(sessionId, { ...known, ids: [...known.ids, id] });
    }
    const paces = new Map<string, QueuedPace>();
    for (const { session, ids } of sessions.values()) {
      if (!this.etas.isPaced(session)) continue;
      for (const [id, pace] of await this.etas.ofQueued(session, ids)) paces.set(id, pace);
    }
    return messages.map((message) => {
      const session = message.pace && sessions.get(message.sessionId)?.session;
      if (!session) return message;
      return { ...message, ...promiseOf(paces.get(message.id) ?? UNPACED, session, message.expiresAt) };
    });
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
