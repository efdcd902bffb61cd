import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { compactPacing, type Pacing, type SessionMode } from '#contracts';
import { Clock } from '#kernel';
import { API_CONFIG, type ApiConfig } from '../config.js';
import { LOGGER } from '../http/index.js';
import { defaultPacing, policyOf } from './default-pacing.js';
import { forecast, forecastCap, QueueForecast, type PacingState } from './pacing-forecast.js';
import {
  PacingRepository,
  type NewcomerPlace,
  type PacedQueue,
  type QueuePlace,
} from './pacing-repository.js';

/** What of a session decides when its messages leave. */
export interface PacedSession {
  tenantId: string;
  id: string;
  mode: SessionMode;
  pacing: object | null;
  linkedAt: Date | null;
  pausedAt: Date | null;
  pausedUntil: Date | null;
}

/** How the pacing of its session holds one queued message. */
export interface QueuedPace {
  /** When it leaves; null: nobody can tell, or never as things are. */
  eta: Date | null;
  /** The cap on people who never wrote decides that; with `eta` null it lets nothing go to them. */
  isByStrangersCap: boolean;
}

/** What a message that waits may promise: no time at which it will not leave. */
export interface Promised {
  eta: Date | null;
  /** As things are it expires before it leaves. */
  expiresFirst: boolean;
}

/** Nothing holds it, as far as is known. */
export const UNPACED: QueuedPace = { eta: null, isByStrangersCap: false };

/** What a message that is not sent after `expiresAt` (null: it never expires) may promise, paced as it is. */
export function promiseOf(
  { eta, isByStrangersCap }: QueuedPace,
  { pausedAt, pausedUntil }: Pick<PacedSession, 'pausedAt' | 'pausedUntil'>,
  expiresAt: Date | null,
): Promised {
  if (expiresAt === null) return { eta, expiresFirst: false };
  const isPausedLonger = pausedAt !== null && pausedUntil !== null && pausedUntil >= expiresAt;
  const isTooLate = eta ? eta >= expiresAt : isByStrangersCap;
  const expiresFirst = isPausedLonger || isTooLate;
  return { eta: expiresFirst ? null : eta, expiresFirst };
}

/** Of what comes into one queue within this time, one after the other is forecast without another look at it. */
const REMEMBERED_MS = 1_000;
const MOST_REMEMBERED = 1_000;

interface Tail {
  untilMs: number;
  policy: Pacing;
  forecast: Promise<QueueForecast | null>;
}

/** Says when messages leave that wait for the pacing of their session. */
@Injectable()
export class EtaService {
  private readonly fallback: Pacing | null;
  private readonly own = new WeakMap<object, Pacing>();
  private readonly tails = new Map<string, Tail>();

  constructor(
    private readonly repository: PacingRepository,
    @Inject(API_CONFIG) config: ApiConfig,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.fallback = policyOf({ pacing: defaultPacing(config), mode: 'live' }, {});
  }

  /** Whether a session has a policy, its own or the operator's. */
  isPaced(session: Pick<PacedSession, 'mode' | 'pacing'>): boolean {
    return this.policyOf(session) !== null;
  }

  /** How a message would be held that is accepted now. */
  async ofNewcomer(session: PacedSession, newcomer: NewcomerPlace): Promise<QueuedPace> {
    const policy = this.policyOf(session);
    if (!policy || isPausedForGood(session)) return UNPACED;
    const { queue, places } = await this.repository.read(session, compactPacing(policy), newcomer);
    return places[0] ? paceOf(policy, session, queue, places[0]) : UNPACED;
  }

  /**
   * When a message leaves that is being accepted; null: there is no policy, or nobody can tell. Cheap, as many come at
   * once: does not look at whether it is to a stranger.
   */
  async ofAccepted(session: PacedSession, newcomer: NewcomerPlace): Promise<Date | null> {
    const policy = this.policyOf(session);
    if (!policy || isPausedForGood(session)) return null;
    const key = `${session.id} ${String(newcomer.priority)}`;
    const known = this.tails.get(key);
    const isKnown = known?.policy === policy && known.untilMs > this.clock.monotonicMs();
    const forecast = await (isKnown ? known.forecast : this.readTail(key, session, policy, newcomer));
    return forecast && new Date(forecast.next());
  }

  /** All that come while it is read wait for the same; null: the read failed, which must not fail an accept. */
  private readTail(
    key: string,
    session: PacedSession,
    policy: Pacing,
    newcomer: NewcomerPlace,
  ): Promise<QueueForecast | null> {
    const limits = compactPacing({ ...policy, strangersPerDay: null });
    const tail: Tail = {
      policy,
      untilMs: Infinity,
      forecast: this.repository.read(session, limits, newcomer).then(
        ({ queue, places }) => {
          tail.untilMs = this.clock.monotonicMs() + REMEMBERED_MS;
          return new QueueForecast(policy, stateOf(session, queue)).skip(places[0]?.ahead ?? 0);
        },
        (error: unknown) => {
          tail.untilMs = this.clock.monotonicMs() + REMEMBERED_MS;
          this.logger.warn({ err: error, sessionId: session.id }, 'no eta could be forecast');
          return null;
        },
      ),
    };
    if (this.tails.size >= MOST_REMEMBERED) this.tails.clear();
    this.tails.set(key, tail);
    return tail.forecast;
  }

  /** How queued messages of a session are held, by their ids; those of which nobody can tell are left out. */
  async ofQueued(session: PacedSession, messageIds: string[]): Promise<Map<string, QueuedPace>> {
    const policy = this.policyOf(session);
    if (!policy || messageIds.length === 0 || isPausedForGood(session)) return new Map();
    const { queue, places } = await this.repository.read(session, compactPacing(policy), messageIds);
    return new Map(places.map((place) => [place.id, paceOf(policy, session, queue, place)]));
  }

  private policyOf({ mode, pacing }: Pick<PacedSession, 'mode' | 'pacing'>): Pacing | null {
    if (pacing === null) return mode === 'live' ? this.fallback : null;
    const known = this.own.get(pacing);
    if (known) return known;
    const policy = policyOf({ mode, pacing }, {});
    if (policy) this.own.set(pacing, policy);
    return policy;
  }
}

function isPausedForGood({ pausedAt, pausedUntil }: PacedSession): boolean {
  return pausedAt !== null && pausedUntil === null;
}

function stateOf(session: PacedSession, { nowMs, nextMs, handOvers }: PacedQueue): PacingState {
  const freeMs = Math.max(nextMs ?? nowMs, session.pausedUntil?.getTime() ?? nowMs);
  return { nowMs, freeMs, handOvers, linkedMs: session.linkedAt?.getTime() ?? nowMs };
}

function paceOf(policy: Pacing, session: PacedSession, queue: PacedQueue, place: QueuePlace): QueuedPace {
  const eta = forecast(policy, stateOf(session, queue), place.ahead);
  if (policy.strangersPerDay === null || place.strangersAhead === null) {
    return { eta: new Date(eta), isByStrangersCap: false };
  }
  const { nowMs, strangerHandOvers } = queue;
  const room = forecastCap(policy.strangersPerDay, nowMs, strangerHandOvers, place.strangersAhead);
  if (room === null) return { eta: null, isByStrangersCap: true };
  return { eta: new Date(Math.max(eta, room)), isByStrangersCap: room > eta };
}
