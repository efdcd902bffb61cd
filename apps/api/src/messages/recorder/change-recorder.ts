import { Injectable } from '@nestjs/common';
import type { WaMessage } from '#contracts';
import type { Query } from '#database';
import { IdentityLearner } from '../../identities/index.js';
import type { StoredSession } from '../../nodes/index.js';
import { AckRecorder, type Ack } from './ack-recorder.js';
import { ContentChanges, type ContentReport } from './content-changes.js';
import { ContentRepository } from './content-repository.js';
import { EarlyChanges, type ChangeFact } from './early-changes.js';
import type { KnownBatch, KnownMessage } from './known-batch.js';
import type { MessageToStore } from './message-to-store.js';
import { Reactions } from './reactions.js';
import { RecordedMessages } from './recorded-messages.js';

/** A message that is reported though it is stored, or about to be. */
export interface MessageReport {
  message: WaMessage;
  known: KnownMessage;
}

export interface LaterReports {
  again: readonly MessageReport[];
  changes: readonly ChangeFact[];
  acks: readonly Ack[];
}

interface Matched {
  id: string;
  fact: ChangeFact;
}

/** What becomes of messages that are stored: their key, their content, reactions, acks. */
@Injectable()
export class ChangeRecorder {
  constructor(
    private readonly recorded: RecordedMessages,
    private readonly contents: ContentRepository,
    private readonly content: ContentChanges,
    private readonly reactions: Reactions,
    private readonly early: EarlyChanges,
    private readonly acks: AckRecorder,
    private readonly identities: IdentityLearner,
  ) {}

  async record(
    query: Query,
    session: StoredSession,
    known: KnownBatch,
    { again, changes, acks }: LaterReports,
  ): Promise<void> {
    const matched: Matched[] = [];
    const unknown: ChangeFact[] = [];
    for (const fact of changes) {
      const row = known.matchTarget(fact.target);
      if (row) matched.push({ id: row.id, fact });
      else unknown.push(fact);
    }
    const news = again.filter(isNews);
    const ids = [...news.map((report) => report.known.id), ...matched.map(({ id }) => id)];
    if (ids.length > 0) {
      // Acks lock rows too: all are held in one go, which is one order.
      const acked = acks.flatMap(({ waMessageId }) => known.findOwn(waMessageId)?.id ?? []);
      const rows = await this.contents.hold(query, session, [...ids, ...acked]);
      const held = new Map(rows.map((row) => [row.id, row]));
      await this.recorded.learnKeys(query, session, news);
      await this.content.record(query, session, held, contentReports(news, matched));
      const reports = matched.flatMap(({ id, fact }) => {
        const message = held.get(id);
        return fact.kind === 'message.reactions' && message ? [{ message, fact }] : [];
      });
      await this.reactions.record(query, session, reports);
    }
    if (acks.length > 0) await this.acks.record(query, session, acks);
    await this.early.keep(query, session, unknown);
  }

  /**
   * What came before the messages that are stored now; it waits no longer. Under the ids of today: who is who may have
   * been learned meanwhile.
   */
  async waitedFor(
    query: Query,
    session: StoredSession,
    fresh: readonly MessageToStore[],
  ): Promise<ChangeFact[]> {
    if (fresh.length === 0) return [];
    const ids = fresh.map(({ message }) => message.waMessageId);
    const waited = await this.early.take(query, session, ids);
    if (waited.length === 0) return [];
    const { facts } = await this.identities.resolve(query, session.tenantId, session.id, waited);
    return facts as ChangeFact[];
  }
}

/** It lacks its key, or could not be read so far. */
function isNews({ known, message }: MessageReport): boolean {
  return known.waKey === null || (known.type === 'undecryptable' && message.content.type !== 'undecryptable');
}

function contentReports(
  news: readonly MessageReport[],
  matched: readonly Matched[],
): { id: string; report: ContentReport }[] {
  return [
    ...news.map(({ known, message }) => ({ id: known.id, report: { kind: 'again' as const, message } })),
    ...matched.flatMap(({ id, fact }) => (fact.kind === 'message.reactions' ? [] : [{ id, report: fact }])),
  ];
}
