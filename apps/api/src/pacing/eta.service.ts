import { Inject, Injectable } from '@nestjs/common';
import { compactPacing, type Pacing, type SessionMode } from '#contracts';
import { API_CONFIG, type ApiConfig } from '../config.js';
import { defaultPacing, policyOf } from './default-pacing.js';
import { forecast, forecastCap } from './pacing-forecast.js';
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

/** Says when messages leave that wait for the pacing of their session. */
@Injectable()
export class EtaService {
  private readonly fallback: Partial<Pacing>;

  constructor(
    private readonly repository: PacingRepository,
    @Inject(API_CONFIG) config: ApiConfig,
  ) {
    this.fallback = defaultPacing(config);
  }

  /** Whether a session has a policy, its own or the operator's. */
  isPaced(session: Pick<PacedSession, 'mode' | 'pacing'>): boolean {
    return policyOf(session, this.fallback) !== null;
  }

  /** When a message would leave that is accepted now; null: there is no policy, or nobody can tell. */
  async ofNewcomer(session: PacedSession, newcomer: NewcomerPlace): Promise<Date | null> {
    const policy = policyOf(session, this.fallback);
    if (!policy || isPausedForGood(session)) return null;
    const { queue, places } = await this.repository.read(session, compactPacing(policy), newcomer);
    return places[0] ? etaOf(policy, session, queue, places[0]) : null;
  }

  /** When queued messages of a session leave, by their ids; those of which nobody can tell are left out. */
  async ofQueued(session: PacedSession, messageIds: string[]): Promise<Map<string, Date>> {
    const policy = policyOf(session, this.fallback);
    const etas = new Map<string, Date>();
    if (!policy || messageIds.length === 0 || isPausedForGood(session)) return etas;
    const { queue, places } = await this.repository.read(session, compactPacing(policy), messageIds);
    for (const place of places) {
      const eta = etaOf(policy, session, queue, place);
      if (eta) etas.set(place.id, eta);
    }
    return etas;
  }
}

function isPausedForGood({ pausedAt, pausedUntil }: PacedSession): boolean {
  return pausedAt !== null && pausedUntil === null;
}

function etaOf(policy: Pacing, session: PacedSession, queue: PacedQueue, place: QueuePlace): Date | null {
  const { nowMs, handOvers, strangerHandOvers } = queue;
  const freeMs = Math.max(queue.nextMs ?? nowMs, session.pausedUntil?.getTime() ?? nowMs);
  const linkedMs = session.linkedAt?.getTime() ?? nowMs;
  const eta = forecast(policy, { nowMs, linkedMs, freeMs, handOvers }, place.ahead);
  if (policy.strangersPerDay === null || place.strangersAhead === null) return new Date(eta);
  const room = forecastCap(policy.strangersPerDay, nowMs, strangerHandOvers, place.strangersAhead);
  return room === null ? null : new Date(Math.max(eta, room));
}
