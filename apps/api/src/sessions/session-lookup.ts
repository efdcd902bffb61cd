import { Injectable } from '@nestjs/common';
import type { SessionState } from '#contracts';
import { AppError } from '#kernel';
import { assertSessionAllowed, type AuthContext } from '../auth/index.js';
import type { StoredSession } from '../nodes/index.js';
import { current } from './session-view.js';
import { MOST_SESSIONS, noSuchSession, SessionRepository } from './session-repository.js';

/** States in which a linked session is expected to come back by itself. */
const COMING_BACK: readonly string[] = ['starting', 'connecting', 'interrupted'];

/** Finds the session a request means, as far as the key that asks may use it. */
@Injectable()
export class SessionLookup {
  constructor(private readonly sessions: SessionRepository) {}

  /**
   * The session with this id or name, or the only one the key may use.
   * @throws AppError `not_found`, `wrong_key_mode`, `session_not_allowed`; `session_required` when it is left out and
   *   the key may use none or several
   */
  async resolve(auth: AuthContext, reference?: string): Promise<StoredSession> {
    if (reference === undefined) return this.resolveOnly(auth);
    const session = await this.sessions.find(auth.tenantId, reference);
    if (!session) throw noSuchSession();
    assertSessionAllowed(auth, session.id);
    assertMode(auth, session.mode);
    return session;
  }

  /** Every session the key may use, newest first. */
  listVisible(auth: AuthContext): Promise<StoredSession[]> {
    return this.sessions.list(auth.tenantId, { mode: auth.mode, ids: auth.sessionIds }, MOST_SESSIONS);
  }

  /** Ids for a list's filter: of the session that is named, else of every session the key may use. */
  async listIds(auth: AuthContext, reference: string | undefined): Promise<string[]> {
    const sessions =
      reference === undefined ? await this.listVisible(auth) : [await this.resolve(auth, reference)];
    return sessions.map((session) => session.id);
  }

  /**
   * Passes a session that is connected now.
   * @throws AppError `session_not_connected` that says what to do
   */
  requireConnected(session: StoredSession): void {
    const { state } = current(session);
    if (state !== 'connected') throw notConnected(session, state);
  }

  /**
   * Passes a session that can take messages: connected, or linked and on its way back.
   * @throws AppError `session_not_connected` that says what to do
   */
  requireSendable(session: StoredSession): void {
    if (session.state === 'connected') return;
    if (session.linkedAt !== null && COMING_BACK.includes(session.state)) return;
    throw notConnected(session, session.state);
  }

  private async resolveOnly(auth: AuthContext): Promise<StoredSession> {
    const filter = { mode: auth.mode, ids: auth.sessionIds };
    const [session, another] = await this.sessions.list(auth.tenantId, filter, 2);
    if (session && !another) return session;
    throw sessionRequired(session !== undefined);
  }
}

/** For a request that names no session. @param several whether there are several, not none */
export function sessionRequired(several: boolean): AppError {
  const message = several
    ? 'there are several sessions; name one in "session"'
    : 'there is no session that this API key may use; create one first';
  return new AppError('session_required', message);
}

/** @throws AppError `wrong_key_mode` */
export function assertMode(auth: AuthContext, mode: AuthContext['mode']): void {
  if (auth.mode === mode) return;
  throw new AppError('wrong_key_mode', `a ${auth.mode} key cannot use a ${mode} session`);
}

function notConnected(session: StoredSession, state: SessionState): AppError {
  return new AppError('session_not_connected', `the session is ${state}: ${adviceFor(session, state)}`);
}

function adviceFor({ linkedAt }: StoredSession, state: SessionState): string {
  switch (state) {
    case 'stopped':
      return 'start it';
    case 'pairing':
      return 'scan its QR code with the phone';
    case 'logged_out':
      return 'start it and scan its QR code again';
    case 'failed':
      return 'restart it';
    default:
      return linkedAt === null
        ? 'link it to a phone first'
        : 'it comes back by itself; try again in a moment';
  }
}
