import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database } from '#database';
import { failpoint } from '#runtime';
import { ApiProcess } from '../../api-process.js';
import { QUEUE_CHANNEL } from '../../sessions/index.js';
import type { AttemptKey } from './attempt-repository.js';
import type { ClaimedMessage, ClaimedSession } from './claimed-message.js';

/** Messages that one claim takes at most. */
export const CLAIM_SIZE = 16;
/** How long a message of unknown fate holds back those behind it in its chat. */
const UNKNOWN_BLOCK_SECONDS = 60;

/** `locked`: somebody claims at this moment; `busy`: another process has messages of the session under way. */
export type Claim =
  { state: 'idle' | 'held' | 'locked' | 'busy' } | { state: 'claimed'; messages: ClaimedMessage[] };

interface ClaimAnswer {
  state: Claim['state'];
  session?: Omit<ClaimedSession, 'sessionId'>;
  messages?: (Omit<ClaimedMessage, 'session' | 'expiresAt'> & { expiresAt: string | null })[];
}

const CLAIM = {
  name: 'messages_claim',
  text: `SELECT wagate_claim_due_messages($1, $2, $3, make_interval(secs => ${String(UNKNOWN_BLOCK_SECONDS)})) AS answer`,
};

const OWN_OPEN = `SELECT tenant_id AS "tenantId", session_id AS "sessionId", message_id AS "messageId", number AS attempt
  FROM message_attempts WHERE ended_at IS NULL AND claimed_by = $1`;

/** An attempt of this process that has no end yet. */
export interface OpenAttempt extends AttemptKey {
  sessionId: string;
}

/** Before a session's id: it only has something to send, it did not just come back. */
const MORE = '+';

/** What a notification on the queue's channel says. */
export function readQueueNotice(payload: string): { sessionId: string; reconnected: boolean } {
  const isMore = payload.startsWith(MORE);
  return { sessionId: isMore ? payload.slice(MORE.length) : payload, reconnected: !isMore };
}

/** Takes messages out of the queues. */
@Injectable()
export class ClaimRepository {
  constructor(
    private readonly database: Database,
    private readonly self: ApiProcess,
  ) {}

  /** The next due messages of a session, each with a committed attempt of this process. */
  async claim(sessionId: string): Promise<Claim> {
    await failpoint('api.dispatch.before-claim');
    const ids = Array.from({ length: CLAIM_SIZE }, newWaMessageId);
    const [row] = await this.database.workerSql((query) =>
      query<{ answer: ClaimAnswer }>(CLAIM, [sessionId, this.self.name, ids]),
    );
    const answer = row?.answer;
    if (!answer?.session || !answer.messages) return { state: (answer?.state ?? 'idle') as 'idle' };
    const session = { ...answer.session, sessionId };
    const messages = answer.messages.map((message) => ({
      ...message,
      session,
      expiresAt: message.expiresAt === null ? null : new Date(message.expiresAt),
    }));
    return { state: 'claimed', messages };
  }

  /** Tells the process that has messages of the session under way that there are more. */
  async tellHolder(sessionId: string): Promise<void> {
    await this.database.workerSql((query) =>
      query(`SELECT pg_notify('${QUEUE_CHANNEL}', $1)`, [MORE + sessionId]),
    );
  }

  /** Attempts of this process without an end. */
  listOwnOpen(): Promise<OpenAttempt[]> {
    return this.database.workerSql((query) =>
      query<OpenAttempt & object>({ name: 'attempts_own_open', text: OWN_OPEN }, [this.self.name]),
    );
  }

  /** The same of one session, after every claim of it that was begun: one whose answer was lost has ended by then. */
  listOwnOpenOf(sessionId: string): Promise<OpenAttempt[]> {
    return this.database.workerSql(async (query) => {
      await query('SELECT wagate_lock_claims($1)', [sessionId]);
      return query<OpenAttempt & object>(`${OWN_OPEN} AND session_id = $2`, [this.self.name, sessionId]);
    });
  }

  /** Connected sessions of any tenant with something due. */
  async listDueSessions(): Promise<string[]> {
    const rows = await this.database.workerSql((query) =>
      query<{ id: string }>({
        name: 'sessions_due',
        text: `SELECT s.id FROM sessions s WHERE s.state = 'connected' AND s.desired = 'running' AND EXISTS (
            SELECT FROM messages m WHERE m.session_id = s.id AND m.status = 'queued' AND m.due_at <= now())`,
      }),
    );
    return rows.map((row) => row.id);
  }
}

/** A message id of the form WhatsApp Web makes: 3EB0 and 18 to 22 upper-case hex digits. */
function newWaMessageId(): string {
  return `3EB0${randomBytes(9).toString('hex').toUpperCase()}`;
}
