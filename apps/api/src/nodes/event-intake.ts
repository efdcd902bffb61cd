import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import type { z } from 'zod';
import type { eventBatchAnswerSchema, eventBatchSchema, NodeEvent, NodeFact } from '#contracts';
import { Database, isDatabaseUnavailable, planByAverages, type Query } from '#database';
import { allDone, isAppError } from '#kernel';
import { failpoint } from '#runtime';
import { LOGGER } from '../http/index.js';
import { IdentityLearner, type IdentityPair } from '../identities/index.js';
import { NodeFactHandlers } from './node-fact-handlers.js';
import { PlacedSessions, type SessionKey } from './placed-sessions.js';
import type { StoredSession } from './session-columns.js';
import { SlowFacts } from './slow-facts.js';

export type EventBatch = z.infer<typeof eventBatchSchema>;
export type EventBatchAnswer = z.infer<typeof eventBatchAnswerSchema>;

/** Sessions of one batch that are stored at the same time, each in its own transaction. */
const LANES = 4;
/** How often what facts say of who is who is learned before they are stored without: others may say otherwise. */
const MOST_ROUNDS = 2;
/** The server cancelled a statement at its time limit: it would do so again (57014, query_canceled). */
const TIMED_OUT = '57014';
/** The server gave up waiting for a lock (55P03, lock_not_available). */
const LOCKED_OUT = '55P03';

/**
 * Takes in what nodes report. Resolves only when everything is committed; the node forgets the facts then. One
 * transaction per session and batch, under the session's row lock; facts of an epoch that is not the session's are
 * refused. Throws AppError `service_unavailable` when the database is away, or a session's facts could not be stored in
 * time: the node sends the batch again. What takes too long again and again is put aside.
 */
@Injectable()
export class EventIntake {
  private readonly slow = new SlowFacts();

  constructor(
    private readonly database: Database,
    private readonly placed: PlacedSessions,
    private readonly handlers: NodeFactHandlers,
    private readonly identities: IdentityLearner,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async accept(batch: EventBatch): Promise<EventBatchAnswer> {
    const groups = [...groupBySession(batch.events).values()];
    const stale: SessionEvents[] = [];
    const failures: unknown[] = [];
    const lane = async (): Promise<void> => {
      for (let events = groups.shift(); events; events = groups.shift()) {
        try {
          if (!(await this.acceptSession(batch.nodeName, events))) stale.push(events);
        } catch (error) {
          failures.push(error);
          // What one session has to wait for is not the others' affair; a database that is away is.
          if (!tookTooLong(error)) groups.length = 0;
        }
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    if (failures.length > 0) throw failures[0];
    await failpoint('api.intake.after-commit');
    return {
      staleSessions: stale.map(([{ sessionId }]) => sessionId),
      staleEpochs: stale.map(newestEpoch),
    };
  }

  /** False when the node no longer owns the session. */
  private async acceptSession(nodeName: string, events: SessionEvents): Promise<boolean> {
    const chosen = this.slow.without(events);
    let isStuck: boolean;
    try {
      const owned = await this.store(nodeName, events, chosen);
      this.slow.forget(events[0]);
      return owned;
    } catch (error) {
      isStuck = stateOf(error) === TIMED_OUT && this.slow.isStuck(events[0]);
      if (isPassing(error) && !isStuck) throw error;
      const { sessionId } = events[0];
      this.logger.error({ ...kindOf(error), sessionId }, 'facts were refused; storing one by one');
    }
    const owned = await this.storeOneByOne(nodeName, events, chosen, isStuck);
    this.slow.forget(events[0]);
    return owned;
  }

  /** One fact that cannot be stored must not hold back those behind it: it is put aside, whole. */
  private async storeOneByOne(
    nodeName: string,
    events: SessionEvents,
    chosen: readonly NodeEvent[],
    isStuck: boolean,
  ): Promise<boolean> {
    let owned = true;
    for (const event of chosen) {
      try {
        owned = await this.store(nodeName, events, [event]);
      } catch (error) {
        const isSlow = stateOf(error) === TIMED_OUT && (isStuck || this.slow.isStuck(event));
        if (isPassing(error) && !isSlow) throw error;
        const { sessionId, fact } = event;
        this.logger.error({ ...kindOf(error), sessionId, kind: fact.kind }, 'fact quarantined');
        await this.database.workerSql((query) =>
          this.placed.quarantine(query, event, storable(fact), describe(error)),
        );
        if (isSlow) this.slow.putAside(event);
      }
    }
    return owned;
  }

  /** Who is who is learned first, in a transaction of its own that makes one chat and one contact of two. */
  private async store(
    nodeName: string,
    events: SessionEvents,
    chosen: readonly NodeEvent[],
  ): Promise<boolean> {
    const { tenantId, sessionId } = events[0];
    for (let round = 1; ; round += 1) {
      const stored = await this.storeResolved(nodeName, events, chosen, round <= MOST_ROUNDS);
      if (typeof stored === 'boolean') return stored;
      try {
        await this.identities.learn(tenantId, sessionId, stored);
      } catch (error) {
        // Without it people stay two for now; what came in must not wait for that.
        if (isPassing(error) && !tookTooLong(error)) throw error;
        this.logger.error({ ...kindOf(error), sessionId }, 'identities were not learned');
        this.identities.postpone(tenantId, sessionId, stored);
        round = MOST_ROUNDS;
      }
    }
  }

  /** Answers what has to be learned before; the last round does without. */
  private storeResolved(
    nodeName: string,
    events: SessionEvents,
    chosen: readonly NodeEvent[],
    mayLearn: boolean,
  ): Promise<boolean | IdentityPair[]> {
    const { tenantId, sessionId } = events[0];
    return this.database.workerSql(async (query) => {
      // Only facts of the newest epoch count; the statements travel together.
      const epoch = newestEpoch(events);
      const own = chosen.filter((event) => event.epoch === epoch).map((event) => storable(event.fact));
      const [, session, { unknown, facts }] = await allDone([
        planByAverages(query),
        this.placed.lock(query, events[0]),
        this.identities.resolve(query, tenantId, sessionId, own),
      ]);
      if (!session || !owns(nodeName, session, events)) return false;
      if (unknown.length > 0 && mayLearn) return unknown;
      await this.handlers.handle(query, session, facts);
      await failpoint('api.intake.before-commit');
      return true;
    });
  }

  /** Stores facts about a session that came another way than by a batch of events: its command, its heartbeat. */
  apply(key: SessionKey & { epoch: number }, facts: readonly NodeFact[]): Promise<StoredSession | undefined> {
    return this.database.workerSql((query) => this.applyIn(query, key, facts));
  }

  private async applyIn(query: Query, key: SessionKey & { epoch: number }, facts: readonly NodeFact[]) {
    const session = await this.placed.lock(query, key);
    if (!session || session.desired === 'deleted' || session.epoch !== key.epoch) return session;
    await this.handlers.handle(query, session, facts);
    return this.placed.lock(query, key);
  }
}

type SessionEvents = [NodeEvent, ...NodeEvent[]];

function groupBySession(events: readonly NodeEvent[]): Map<string, SessionEvents> {
  const groups = new Map<string, SessionEvents>();
  for (const event of events) {
    const key = `${event.tenantId} ${event.sessionId}`;
    const group = groups.get(key);
    if (group) group.push(event);
    else groups.set(key, [event]);
  }
  return groups;
}

/** By the newest of its events: older ones may be of an epoch in which the node owned the session before. */
function owns(nodeName: string, session: StoredSession, events: SessionEvents): boolean {
  return (
    session.desired !== 'deleted' && session.nodeName === nodeName && newestEpoch(events) === session.epoch
  );
}

function newestEpoch(events: SessionEvents): number {
  return Math.max(...events.map((event) => event.epoch));
}

function isPassing(error: unknown): boolean {
  return isAppError(error) || isDatabaseUnavailable(error);
}

/** One session's work took too long, or waited too long for others, while the database is there. */
function tookTooLong(error: unknown): boolean {
  const state = stateOf(error);
  return state === TIMED_OUT || state === LOCKED_OUT;
}

/** The SQLSTATE of an error that passes. */
function stateOf(error: unknown): string | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
}

/** Name and SQLSTATE, not the message: that may quote what a person wrote. */
function kindOf(error: unknown): { type: string; code?: string } {
  if (!(error instanceof Error)) return { type: typeof error };
  const code = stateOf(error) ?? ('code' in error ? String(error.code) : undefined);
  return code === undefined ? { type: error.name } : { type: error.name, code };
}

function describe(error: unknown): string {
  const { type, code } = kindOf(error);
  return code === undefined ? type : `${type} ${code}`;
}

/**
 * Postgres stores neither U+0000 in text nor half a surrogate pair in jsonb
 * (postgresql.org/docs/current/datatype-json.html); WhatsApp lets people send both.
 */
function storable<T>(value: T): T {
  const json = JSON.stringify(value);
  if (!/\\u(0000|d[89a-f])/.test(json)) return value;
  return JSON.parse(json, (_, inner: unknown) =>
    typeof inner === 'string' ? inner.replaceAll('\u0000', '').replace(/\p{Surrogate}/gu, '\ufffd') : inner,
  ) as T;
}
