import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { WaMessage } from '#contracts';
import type { Query } from '#database';
import { allDone, Clock } from '#kernel';
import { ChatRepository } from '../../chats/index.js';
import { API_CONFIG, type ApiConfig } from '../../config.js';
import { ContactRepository } from '../../contacts/index.js';
import { EventLog } from '../../events/index.js';
import { MediaJobWorker } from '../../media/index.js';
import { NodeFactHandlers, type FactOf, type StoredSession } from '../../nodes/index.js';
import { MessageChanges } from '../message-changes.js';
import { AckRecorder, toAck, type Ack } from './ack-recorder.js';
import { ChangeRecorder, type MessageReport } from './change-recorder.js';
import type { ChangeFact } from './early-changes.js';
import { arrivalEvent } from './inbound-events.js';
import type { KnownBatch } from './known-batch.js';
import { draftOf, type MessageToStore } from './message-to-store.js';
import { RecordedMessages } from './recorded-messages.js';

const DAY_MS = 86_400_000;

type MessageFact = FactOf<'message.upsert' | 'message.ack'> | ChangeFact;

/**
 * Stores the messages that nodes report, each once: what came in, and what was written on the phone; and what becomes
 * of them. Our own come back too, under the id that was chosen for them, perhaps before their send was answered; they
 * are only completed. Rows are locked in the order contacts, chats, messages, and messages in one go.
 */
@Injectable()
export class MessageRecorder implements OnModuleInit {
  constructor(
    private readonly handlers: NodeFactHandlers,
    private readonly recorded: RecordedMessages,
    private readonly chats: ChatRepository,
    private readonly contacts: ContactRepository,
    private readonly changes: MessageChanges,
    private readonly later: ChangeRecorder,
    private readonly acks: AckRecorder,
    private readonly media: MediaJobWorker,
    private readonly events: EventLog,
    @Inject(API_CONFIG) private readonly config: Pick<ApiConfig, 'MESSAGE_RETENTION_DAYS'>,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.handlers.registerAll(
      ['message.upsert', 'message.edit', 'message.revoke', 'message.reactions', 'message.ack'],
      (tx, session, facts) => this.record(tx, session, facts),
    );
  }

  private async record(query: Query, session: StoredSession, facts: readonly MessageFact[]): Promise<void> {
    const acks = facts.flatMap((fact) => (fact.kind === 'message.ack' ? [toAck(fact)] : []));
    if (acks.length === facts.length) {
      await this.acks.record(query, session, acks);
      return;
    }
    const known = await this.recorded.find(query, session, facts.flatMap(idsOf));
    const { fresh, again } = divide(await this.withoutOutdated(query, session, facts, known), known);
    const [, waited] = await allDone([
      this.store(query, session, fresh),
      this.later.waitedFor(query, session, fresh),
    ]);
    const changes = [...waited, ...facts.filter(isChange)];
    await this.later.record(query, session, known, { again, changes, acks: [...acks, ...acksOf(again)] });
    const hasFile = [...fresh.map(({ message }) => message), ...again.map(({ message }) => message)].some(
      ({ content }) => 'media' in content,
    );
    if (hasFile) this.media.wake();
  }

  /** Without messages that are older than the tenant keeps them: those were removed, or would be with the next round. */
  private async withoutOutdated(
    query: Query,
    session: StoredSession,
    facts: readonly MessageFact[],
    known: KnownBatch,
  ): Promise<readonly MessageFact[]> {
    const nowMs = this.clock.now().getTime();
    const isOlder = (fact: MessageFact, days: number) =>
      fact.kind === 'message.upsert' &&
      Date.parse(fact.message.timestamp) < nowMs - days * DAY_MS &&
      !known.match(fact.message);
    // Nobody keeps them for less than a day, so what comes in as usual costs no look.
    if (!facts.some((fact) => isOlder(fact, 1))) return facts;
    const days = await this.recorded.retentionDays(query, session, this.config.MESSAGE_RETENTION_DAYS);
    return days === 0 ? facts : facts.filter((fact) => !isOlder(fact, days));
  }

  private async store(query: Query, session: StoredSession, fresh: MessageToStore[]): Promise<void> {
    if (fresh.length === 0) return;
    const { tenantId, id: sessionId } = session;
    const authors = fresh.flatMap(({ message }) => (message.fromMe ? [] : [message.author]));
    const touches = fresh.map(({ id, message }) => ({
      waId: message.chat.id,
      messageId: id,
      at: new Date(message.timestamp),
    }));
    const chats = fresh.map(({ message }) => message.chat);
    const received = fresh.filter(({ message }) => !message.fromMe).length;
    // All travel together, in this order; none needs to know what another one found.
    await allDone([
      this.contacts.upsert(query, tenantId, sessionId, authors),
      this.chats.upsert(query, tenantId, sessionId, chats, touches),
      this.recorded.insert(query, session, fresh),
      this.events.append(
        query,
        fresh.map((draft) => arrivalEvent(session, draft)),
      ),
      this.changes.count(query, [{ tenant: tenantId, session: sessionId, received }]),
    ]);
  }
}

/** What is not stored yet, in the order of WhatsApp's time, and what is. */
function divide(
  facts: readonly MessageFact[],
  known: KnownBatch,
): { fresh: MessageToStore[]; again: MessageReport[] } {
  const messages = facts.flatMap((fact) => (fact.kind === 'message.upsert' ? [fact.message] : []));
  messages.sort((a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp));
  const fresh: MessageToStore[] = [];
  const again: MessageReport[] = [];
  for (const message of messages) {
    const stored = known.match(message);
    if (stored) {
      again.push({ message, known: stored });
      continue;
    }
    const draft = draftOf(message, known.findQuoted(message));
    fresh.push(draft);
    known.add(draft);
  }
  return { fresh, again };
}

/** WhatsApp's ids of the messages that a fact is about. */
function idsOf(fact: MessageFact): string[] {
  switch (fact.kind) {
    case 'message.upsert': {
      const { waMessageId, quotedWaMessageId } = fact.message;
      return quotedWaMessageId === null ? [waMessageId] : [waMessageId, quotedWaMessageId];
    }
    case 'message.ack':
      return [fact.waMessageId];
    default:
      return [fact.target.waMessageId];
  }
}

function isChange(fact: MessageFact): fact is ChangeFact {
  return fact.kind !== 'message.upsert' && fact.kind !== 'message.ack';
}

function acksOf(again: readonly { message: WaMessage }[]): Ack[] {
  return again.flatMap(({ message: { fromMe, waMessageId, waKey, ack } }) =>
    fromMe && ack !== null ? [{ waMessageId, waKey, ack, at: new Date() }] : [],
  );
}
