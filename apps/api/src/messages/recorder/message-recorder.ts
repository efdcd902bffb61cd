import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { WaMessage } from '#contracts';
import type { Query } from '#database';
import { ChatRepository } from '../../chats/index.js';
import { ContactRepository } from '../../contacts/index.js';
import { MediaJobWorker } from '../../media/index.js';
import { NodeFactHandlers, type StoredSession } from '../../nodes/index.js';
import { MessageChanges } from '../message-changes.js';
import { AckRecorder } from './ack-recorder.js';
import { draftOf, type MessageToStore } from './message-to-store.js';
import { RecordedMessages, type KnownMessage } from './recorded-messages.js';

/**
 * Stores the messages that nodes report, each once: what came in, and what was written on the phone. Our own come
 * back too, under the id that was chosen for them, perhaps before their send was answered; they are only completed.
 */
@Injectable()
export class MessageRecorder implements OnModuleInit {
  constructor(
    private readonly handlers: NodeFactHandlers,
    private readonly recorded: RecordedMessages,
    private readonly chats: ChatRepository,
    private readonly contacts: ContactRepository,
    private readonly changes: MessageChanges,
    private readonly acks: AckRecorder,
    private readonly media: MediaJobWorker,
  ) {}

  onModuleInit(): void {
    this.handlers.register('message.upsert', (tx, session, facts) =>
      this.record(
        tx,
        session,
        facts.map((fact) => fact.message),
      ),
    );
  }

  private async record(query: Query, session: StoredSession, messages: readonly WaMessage[]): Promise<void> {
    const known = await this.recorded.find(query, session, messages);
    const fresh: MessageToStore[] = [];
    const again: { message: WaMessage; known: KnownMessage }[] = [];
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
    await this.store(query, session, fresh);
    await this.complete(query, session, again);
    const waiting = fresh.some(({ mediaId }) => mediaId !== null);
    if (waiting) this.media.wake();
  }

  private async store(query: Query, session: StoredSession, fresh: MessageToStore[]): Promise<void> {
    if (fresh.length === 0) return;
    const { tenantId, id: sessionId } = session;
    const authors = fresh.flatMap(({ message }) => (message.fromMe ? [] : [message.author]));
    await this.contacts.upsert(query, tenantId, sessionId, authors);
    const touches = fresh.map(({ id, message }) => ({
      waId: message.chat.id,
      messageId: id,
      at: new Date(message.timestamp),
    }));
    const chats = fresh.map(({ message }) => message.chat);
    const chatIds = await this.chats.upsert(query, tenantId, sessionId, chats, touches);
    await this.recorded.insert(query, session, fresh, chatIds);
    const received = fresh.filter(({ message }) => !message.fromMe).length;
    await this.changes.count(query, [{ tenant: tenantId, session: sessionId, received }]);
  }

  /** What is known already may learn its key, its ack, and what it says when it could not be read before. */
  private async complete(
    query: Query,
    session: StoredSession,
    again: { message: WaMessage; known: KnownMessage }[],
  ): Promise<void> {
    if (again.length === 0) return;
    await this.recorded.learnKeys(query, session, again);
    await this.recorded.decrypt(query, session, again);
    const acks = again.flatMap(({ message: { fromMe, waMessageId, ack } }) =>
      fromMe && ack !== null ? [{ waMessageId, ack, at: new Date() }] : [],
    );
    if (acks.length > 0) await this.acks.record(query, session, acks);
  }
}
