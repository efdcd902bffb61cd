import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database } from '#database';
import { failpoint } from '#runtime';
import { ApiProcess } from '../../api-process.js';
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
  text: `SELECT wagate_claim_messages($1, $2, $3, make_interval(secs => ${String(UNKNOWN_BLOCK_SECONDS)})) AS answer`,
};

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
