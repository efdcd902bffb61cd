import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { Database, type Query } from '#database';
import { failpoint } from '#runtime';
import { ApiProcess } from '../../api-process.js';
import { API_CONFIG, type ApiConfig } from '../../config.js';
import { defaultPacing, LimitNotices } from '../../pacing/index.js';
import { QUEUE_CHANNEL } from '../../sessions/index.js';
import { MessageChanges, STATE_COLUMNS, type MessageState } from '../message-changes.js';
import { AttemptRepository, type AttemptKey } from './attempt-repository.js';
import { fail } from './attempt-results.js';
import type { ClaimedMessage, ClaimedSession } from './claimed-message.js';

/** Messages that one claim takes at most. */
export const CLAIM_SIZE = 16;
/** How long a message of unknown fate holds back those behind it in its chat. */
export const UNKNOWN_BLOCK_SECONDS = 60;

/**
 * `locked`: somebody claims at this moment, or changed all that was to be claimed; `busy`: another process has messages
 * of the session under way; `paced`: the session's policy lets nothing go for so long (null: until something under way
 * has ended), or nothing to `strangers`.
 */
export type Claim =
  | { state: 'idle' | 'held' | 'locked' | 'busy' | 'paused' }
  | { state: 'paced'; waitMs: number | null; strangers: boolean }
  /** `more`: there may be more, `singly`: and it may be claimed only when nothing is under way. */
  | {
      state: 'claimed';
      messages: ClaimedMessage[];
      /** Those whose calls are noted already, see `attemptKey`. */
      noted?: ReadonlySet<string>;
      more?: boolean;
      singly?: boolean;
    };

export interface ClaimWish {
  /** Chats to pass over: there is enough of theirs. */
  full?: readonly string[];
  /** Chats in which something else comes first. */
  busy?: readonly string[];
  /** How many calls may be noted with the claim, of messages that are first in their chats. */
  notes?: number;
}

interface ClaimAnswer {
  state: Claim['state'] | 'refused';
  session?: Omit<ClaimedSession, 'sessionId'>;
  more?: boolean;
  singly?: boolean;
  waitMs?: number | null;
  strangers?: boolean;
  /** Messages to people who opted out after they were accepted, of this tenant. */
  refused?: string[];
  tenantId?: string;
  messages?: (Omit<ClaimedMessage, 'session' | 'expiresAt'> & { expiresAt: string | null })[];
}

const CLAIM = {
  name: 'messages_claim',
  text: `SELECT wagate_claim_due_messages($1, $2, $3, make_interval(secs => ${String(UNKNOWN_BLOCK_SECONDS)}),
      $4::jsonb, $5) AS answer`,
};

const LOCK_REFUSED = `SELECT ${STATE_COLUMNS} FROM messages m
  WHERE m.tenant_id = $1 AND m.id = ANY ($2) AND m.status = 'queued' ORDER BY m.id FOR UPDATE`;

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
  private readonly fallback: string;

  constructor(
    private readonly database: Database,
    private readonly self: ApiProcess,
    private readonly changes: MessageChanges,
    private readonly attempts: AttemptRepository,
    private readonly limits: LimitNotices,
    @Inject(API_CONFIG) config: ApiConfig,
  ) {
    this.fallback = JSON.stringify(defaultPacing(config));
  }

  /** The next due messages of a session, each with a committed attempt of this process. */
  async claim(sessionId: string, { full = [], busy = [], notes = 0 }: ClaimWish = {}): Promise<Claim> {
    await failpoint('api.dispatch.before-claim');
    const ids = Array.from({ length: CLAIM_SIZE }, newWaMessageId);
    const { answer, noted } = await this.database.workerSql(async (query) => {
      const [row] = await query<{ answer: ClaimAnswer }>(CLAIM, [
        sessionId,
        this.self.name,
        ids,
        this.fallback,
        full,
      ]);
      if (row?.answer.state === 'refused') await this.endRefused(query, row.answer);
      if (row?.answer.state === 'paced') await this.limits.tellPaced(query, sessionId, row.answer.strangers);
      return { answer: row?.answer, noted: await this.noteFirst(query, row?.answer, { busy, notes }) };
    });
    return toClaim(sessionId, answer, noted);
  }

  /** Those that can be called at once are noted in the same go, so that an idle session waits for no second commit. */
  private async noteFirst(
    query: Query,
    answer: ClaimAnswer | undefined,
    { busy, notes }: Pick<Required<ClaimWish>, 'busy' | 'notes'>,
  ): Promise<ReadonlySet<string>> {
    const tenantId = answer?.session?.tenantId;
    if (tenantId === undefined || notes <= 0) return new Set();
    const chats = new Set(busy);
    const first = (answer?.messages ?? []).filter(({ chatId }) => !chats.has(chatId) && chats.add(chatId));
    if (first.length === 0) return new Set();
    const keys = first.slice(0, notes).map(({ id, attempt }) => ({ tenantId, messageId: id, attempt }));
    return this.attempts.noteCalls(query, this.self.name, keys);
  }

  private async endRefused(query: Query, { tenantId, refused }: ClaimAnswer): Promise<void> {
    const now = new Date();
    const found = await query<MessageState & object>(LOCK_REFUSED, [tenantId, refused]);
    const ended = found.map((before) => ({ before, after: fail(before, 'recipient_opted_out', now) }));
    await this.changes.save(query, ended);
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

  /**
   * Connected sessions of any tenant with something due. One look per session, in the order of the queue: as a semi-join
   * it could be planned to read whole queues, and the plan is kept while they grow.
   */
  async listDueSessions(): Promise<string[]> {
    const rows = await this.database.workerSql((query) =>
      query<{ id: string }>({
        name: 'sessions_due',
        text: `SELECT s.id FROM sessions s WHERE s.state = 'connected' AND s.desired = 'running'
            AND s.paused_at IS NULL AND (SELECT m.id FROM messages m
              WHERE m.session_id = s.id AND m.status = 'queued' AND m.due_at <= now()
              ORDER BY m.priority DESC, m.id LIMIT 1) IS NOT NULL`,
      }),
    );
    return rows.map((row) => row.id);
  }
}

function toClaim(sessionId: string, answer: ClaimAnswer | undefined, noted: ReadonlySet<string>): Claim {
  if (!answer) return { state: 'idle' };
  const { state, more = false, singly = false, waitMs = null, strangers = false } = answer;
  if (state === 'refused') return { state: 'claimed', messages: [], more: true };
  if (state === 'paced') return { state, waitMs, strangers };
  if (state !== 'claimed') return { state };
  const session = answer.session && { ...answer.session, sessionId };
  const messages = (session ? (answer.messages ?? []) : []).map((message) => ({
    ...message,
    session: session as ClaimedSession,
    expiresAt: message.expiresAt === null ? null : new Date(message.expiresAt),
  }));
  return { state, messages, noted, more, singly };
}

/** A message id of the form WhatsApp Web makes: 3EB0 and 18 to 22 upper-case hex digits. */
function newWaMessageId(): string {
  return `3EB0${randomBytes(9).toString('hex').toUpperCase()}`;
}
