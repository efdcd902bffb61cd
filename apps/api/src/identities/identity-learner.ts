import { Inject, Injectable } from '@nestjs/common';
import type { NodeFact } from '#contracts';
import { Database, type Query } from '#database';
import { Clock } from '#kernel';
import { EventLog, type NewEvent } from '../events/index.js';
import { KnownIdentities, namesIn, pairsOf, withCanonicalIds, type IdentityPair } from './canonical-facts.js';
import { IdentityRepository, type IdentityChange } from './identity-repository.js';

export interface ResolvedFacts {
  /** The facts, with everyone under the id that their rows have as far as the session knows. */
  facts: NodeFact[];
  /** What they say of who is who that the session does not know yet, and may learn now. */
  unknown: IdentityPair[];
}

/** Making one of two may take longer than a statement may: it is not tried again with every fact that names the pair. */
const POSTPONED_MS = 5 * 60_000;

/** Learns from facts which ids are one person, and lets all others see one id per person. */
@Injectable()
export class IdentityLearner {
  /** Until when pairs are not learned, by the clock that never runs back. */
  private readonly postponed = new Map<string, number>();

  constructor(
    private readonly database: Database,
    private readonly identities: IdentityRepository,
    private readonly events: EventLog,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /**
   * Puts everyone in the facts under one id. What is unknown has to be learned in a transaction of its own, and the
   * facts resolved again. Needs a worker transaction that holds the session's row.
   */
  async resolve(
    query: Query,
    tenantId: string,
    sessionId: string,
    facts: readonly NodeFact[],
  ): Promise<ResolvedFacts> {
    const names = namesIn(facts);
    if (names.lids.length === 0 && names.phones.length === 0) return { facts: [...facts], unknown: [] };
    const known = new KnownIdentities(await this.identities.find(query, tenantId, sessionId, names));
    const unknown = pairsOf(facts).filter(
      (pair) => !known.has(pair) && !this.isPostponed(tenantId, sessionId, pair),
    );
    return { facts: withCanonicalIds(facts, known), unknown };
  }

  /** Pairs that could not be learned count as not said for some minutes, in this process. */
  postpone(tenantId: string, sessionId: string, pairs: readonly IdentityPair[]): void {
    const nowMs = this.clock.monotonicMs();
    for (const [key, untilMs] of this.postponed) if (untilMs <= nowMs) this.postponed.delete(key);
    for (const pair of pairs) this.postponed.set(keyOf(tenantId, sessionId, pair), nowMs + POSTPONED_MS);
  }

  private isPostponed(tenantId: string, sessionId: string, pair: IdentityPair): boolean {
    const untilMs = this.postponed.get(keyOf(tenantId, sessionId, pair));
    return untilMs !== undefined && this.clock.monotonicMs() < untilMs;
  }

  /** One transaction: afterwards there is one contact and one chat for each pair, under the phone. */
  async learn(tenantId: string, sessionId: string, pairs: readonly IdentityPair[]): Promise<void> {
    await this.database.workerSql(async (query) => {
      const changes = await this.identities.learn(query, tenantId, sessionId, pairs);
      if (changes.length === 0) return;
      const events = [
        ...(await this.updates(query, tenantId, sessionId, 'contact', changes)),
        ...(await this.updates(query, tenantId, sessionId, 'chat', changes)),
      ];
      await this.events.append(query, events);
    });
  }

  /** One event for each that changed, as it is now. */
  private async updates(
    query: Query,
    tenantId: string,
    sessionId: string,
    what: IdentityChange['what'],
    changes: readonly IdentityChange[],
  ): Promise<NewEvent[]> {
    const merged = new Map<string, string | null>();
    for (const change of changes) {
      if (change.what === what) merged.set(change.id, change.merged ?? merged.get(change.id) ?? null);
    }
    const rows = await this.identities.describe(query, tenantId, what, [...merged.keys()]);
    return rows.map((row) => ({
      tenantId,
      sessionId,
      type: `${what}.updated`,
      data: { [what]: row, mergedId: merged.get(row.id) ?? null },
    }));
  }
}

function keyOf(tenantId: string, sessionId: string, { lid, phone }: IdentityPair): string {
  return `${tenantId} ${sessionId} ${lid} ${phone}`;
}
