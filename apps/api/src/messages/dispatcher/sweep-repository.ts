import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { Database, type Query } from '#database';
import { LOGGER } from '../../http/index.js';
import type { SessionEndCode } from '../../sessions/index.js';
import { MessageChanges, STATE_COLUMNS, type MessageState } from '../message-changes.js';
import { attemptKey } from './attempt-repository.js';
import { expire, fail, giveBack } from './attempt-results.js';
import { HeldBackRepository } from './held-back-repository.js';

/** Messages that one sweep changes; what is left is found by the next, a second later. */
export const SWEPT_AT_ONCE = 1_000;
/** For what held back those that expire in one sweep: shorter than what the database lets any statement take. */
const EXPLAIN_TIMEOUT_MS = 2_000;
/** Sweeps wait for nobody: what is held by others is being changed, and looked at again next time. */
const HELD = `ORDER BY m.tenant_id, m.id LIMIT ${String(SWEPT_AT_ONCE)} FOR UPDATE OF m SKIP LOCKED`;
const ATTEMPTS = `message_attempts a JOIN messages m ON m.tenant_id = a.tenant_id AND m.id = a.message_id`;
const KEYS = `unnest($1::text[], $2::text[], $3::int[]) AS r (tenant_id, id, number)
  WHERE a.tenant_id = r.tenant_id AND a.message_id = r.id AND a.number = r.number`;
const KEY = 'a.message_id AS id, a.number';

/**
 * The process that made the attempt has no connection left, so it never answers for it. After a restart of Postgres
 * none has one, until it has noticed.
 */
const OF_GONE = `a.ended_at IS NULL AND pg_postmaster_start_time() < now() - interval '15 s' AND a.claimed_by <> ALL (
  SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'wagate-api-%')`;

const FIND_UNCALLED = `SELECT ${STATE_COLUMNS}, a.number, a.session_end AS "sessionEnd" FROM ${ATTEMPTS}
  WHERE ${OF_GONE} AND a.called_at IS NULL ${HELD}`;
/** The row decides: a process that was held for dead may note its call until it is gone. */
const FORGET_UNCALLED = `DELETE FROM message_attempts a USING ${KEYS} AND a.ended_at IS NULL AND a.called_at IS NULL
  RETURNING ${KEY}`;

const FIND_CALLED = `SELECT ${STATE_COLUMNS}, a.number FROM ${ATTEMPTS}
  WHERE ${OF_GONE} AND a.called_at IS NOT NULL ${HELD}`;
const END_CALLED = `UPDATE message_attempts a SET outcome = 'unknown', reason = 'process_gone', ended_at = now(),
    lookup_at = now() FROM ${KEYS} AND a.ended_at IS NULL RETURNING ${KEY}`;

const FIND_UNACKED = `SELECT ${STATE_COLUMNS}, a.number FROM messages m
  JOIN message_attempts a ON a.tenant_id = m.tenant_id AND a.message_id = m.id AND a.number = m.claims
  WHERE m.status = 'sending' AND a.outcome = 'handed' AND a.ended_at < now() - make_interval(secs => $1) ${HELD}`;
const LOOK_UP = `UPDATE message_attempts a SET lookup_at = now() FROM ${KEYS} RETURNING ${KEY}`;

const FIND_FINAL = `SELECT ${STATE_COLUMNS}, a.number FROM ${ATTEMPTS}
  WHERE a.lookup_at IS NOT NULL AND a.started_at < now() - make_interval(secs => $1) ${HELD}`;
const LOOK_NO_MORE = `UPDATE message_attempts a SET lookup_at = NULL FROM ${KEYS} RETURNING ${KEY}`;

const FIND_EXPIRED = `SELECT ${STATE_COLUMNS} FROM messages m
  WHERE m.status = 'queued' AND m.expires_at <= now() ${HELD}`;

/**
 * Came into the queue while its session ended. From the sessions that ended, of which there are few, to their queues: the
 * other way round it would go through everything that is queued.
 */
const FIND_LEFT_BEHIND = `SELECT ${STATE_COLUMNS}, CASE WHEN s.desired = 'deleted' THEN 'session_deleted'
    ELSE 'session_logged_out' END AS "sessionEnd"
  FROM (SELECT * FROM sessions WHERE desired = 'deleted' OR state = 'logged_out' OFFSET 0) s CROSS JOIN LATERAL (
    SELECT q.* FROM messages q WHERE q.session_id = s.id AND q.tenant_id = s.tenant_id AND q.status = 'queued'
    ORDER BY q.priority DESC, q.id LIMIT ${String(SWEPT_AT_ONCE)} FOR UPDATE SKIP LOCKED
  ) m ORDER BY m.tenant_id, m.id LIMIT ${String(SWEPT_AT_ONCE)}`;

type Attempted = MessageState & { number: number; sessionEnd?: SessionEndCode | null };

/**
 * Ends, or puts on their way again, messages of any tenants that time or a lost process has overtaken. Each sweep is a
 * transaction of its own and gives the ids of the messages it changed.
 */
@Injectable()
export class SweepRepository {
  constructor(
    private readonly database: Database,
    private readonly changes: MessageChanges,
    private readonly heldBack: HeldBackRepository,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** What a process that is gone had claimed and not called goes back to the queue. */
  releaseOrphans(): Promise<string[]> {
    return this.attempted(FIND_UNCALLED, [], FORGET_UNCALLED, (message, now) =>
      message.status === 'sending' ? giveBack(message, message.sessionEnd ?? null, now) : message,
    );
  }

  /** What it had called is of unknown fate, until it is looked up. */
  markOrphans(): Promise<string[]> {
    return this.attempted(FIND_CALLED, [], END_CALLED, unknownIfSending);
  }

  /** Handed over, and WhatsApp's server has not said in time that it has them. */
  markUnacked(ackTimeoutSeconds: number): Promise<string[]> {
    return this.attempted(FIND_UNACKED, [ackTimeoutSeconds], LOOK_UP, unknownIfSending);
  }

  /** Looked for long enough: nobody will ever know. */
  giveUp(afterSeconds: number): Promise<string[]> {
    return this.attempted(FIND_FINAL, [afterSeconds], LOOK_NO_MORE, (message, now) =>
      message.status === 'unknown' ? { ...message, status: 'unknown_final', endedAt: now } : message,
    );
  }

  /** What is queued and may leave no more; it keeps what held it back, where that can be told. */
  expire(): Promise<string[]> {
    return this.database.workerSql(async (query) => {
      const found = await query<MessageState & object>(FIND_EXPIRED);
      const reasons = await this.explain(query, found);
      return this.save(query, found, (message, now) => expire(message, now, reasons.get(message.id)));
    });
  }

  /** By their ids. One that fails or takes long must not keep them from ending: they end without a reason then. */
  private async explain(query: Query, expired: readonly MessageState[]): Promise<Map<string, string>> {
    if (expired.length === 0) return new Map();
    await query('SAVEPOINT explaining');
    await query(`SET LOCAL statement_timeout = ${String(EXPLAIN_TIMEOUT_MS)}`);
    const reasons = await this.heldBack.explain(query, expired).catch((error: unknown) => {
      const messages = expired.length;
      this.logger.warn({ err: error, messages }, 'what held back messages that expire could not be told');
      return new Map<string, string>();
    });
    // It only reads, so nothing is lost with this: it takes back a failure, and the timeout.
    await query('ROLLBACK TO SAVEPOINT explaining');
    return reasons;
  }

  /** What is queued for a session that has ended. */
  endLeftBehind(): Promise<string[]> {
    return this.database.workerSql(async (query) =>
      this.save(query, await query<Attempted & object>(FIND_LEFT_BEHIND), (message, now) =>
        message.sessionEnd ? fail(message, message.sessionEnd, now) : message,
      ),
    );
  }

  /** @param take takes the attempts over, and gives those it could; only a newest attempt moves its message */
  private attempted(
    find: string,
    values: unknown[],
    take: string,
    settle: (message: Attempted, now: Date) => MessageState,
  ): Promise<string[]> {
    return this.database.workerSql(async (query) => {
      const found = await query<Attempted & object>(find, values);
      if (found.length === 0) return [];
      const taken = await query<{ id: string; number: number }>(take, [
        found.map((message) => message.tenantId),
        found.map((message) => message.id),
        found.map((message) => message.number),
      ]);
      const keys = new Set(taken.map(({ id, number }) => attemptKey(id, number)));
      const current = found.filter(
        ({ id, number, claims }) => claims === number && keys.has(attemptKey(id, number)),
      );
      return this.save(query, current, settle);
    });
  }

  private async save<T extends MessageState>(
    query: Query,
    messages: readonly T[],
    settle: (message: T, now: Date) => MessageState,
  ): Promise<string[]> {
    const now = new Date();
    const changes = messages
      .map((before) => ({ before, after: settle(before, now) }))
      .filter(({ before, after }) => before !== after);
    await this.changes.save(query, changes);
    return changes.map(({ after }) => after.id);
  }
}

function unknownIfSending(message: MessageState): MessageState {
  return message.status === 'sending' ? { ...message, status: 'unknown' } : message;
}
