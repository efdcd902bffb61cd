import type { QueuedItem, WireItem } from '../wire.js';
import type { InboundFaults } from './inbound-faults.js';
import type { Msg } from './msg.js';
import { hasReaction, keyFor, revokedContent } from './msg.js';
import type { Batch, StoredMessage } from './page-db.js';
import { type PageStore, storedKey } from './page-store.js';
import { reactionRow, reactionTableMode } from './reactions.js';
import { pollVoteTableMode, voteRow } from './votes.js';

type Change = Extract<WireItem, { kind: 'ack' | 'edit' | 'revoke' | 'reaction' | 'vote' }>;

/**
 * What the network delivers: first into the database, then into the collections, then confirmed. Frames that
 * arrive while one is being written go into the next write together.
 */
export class Inbound {
  private waiting: QueuedItem[] = [];
  private working: Promise<void> | undefined;

  constructor(
    private readonly store: PageStore,
    private readonly confirm: (seq: number) => void,
    private readonly faults: InboundFaults,
  ) {}

  push(items: QueuedItem[]): void {
    this.waiting.push(...items);
    this.working ??= this.work().finally(() => (this.working = undefined));
  }

  /** Everything pushed so far is stored and shown. */
  async drained(): Promise<void> {
    while (this.working !== undefined) await this.working;
  }

  /** Looks again after tidying up: frames may have arrived meanwhile, and nothing else takes them in. */
  private async work(): Promise<void> {
    while (this.waiting.length > 0) {
      await this.takeIn();
      await this.store.prune();
    }
  }

  private async takeIn(): Promise<void> {
    while (this.waiting.length > 0) {
      const items = this.waiting;
      this.waiting = [];
      const { batch, show } = this.prepare(items.map(({ item }) => item));
      await this.store.save(batch);
      for (const action of show) action();
      const chats = new Set((batch.messages ?? []).map(({ chat }) => chat));
      await this.store.save({ chats: [...chats].map((chat) => this.store.chatRecord(chat)) });
      this.confirm(items.at(-1)?.seq ?? 0);
    }
  }

  private prepare(items: WireItem[]): { batch: Batch; show: (() => void)[] } {
    const changed = new Map<string, StoredMessage>();
    const batch: Batch = { people: [], groups: [] };
    const show: (() => void)[] = [];
    for (const item of items) {
      switch (item.kind) {
        case 'message':
          this.prepareMessage(item, changed, batch, show);
          break;
        case 'group':
          batch.groups?.push(item.group);
          batch.people?.push(...item.group.members);
          show.push(() => this.store.showGroup(item.group));
          break;
        case 'person':
          batch.people?.push(item.person);
          show.push(() => this.store.showPeople([item.person]));
          break;
        default:
          if ('by' in item) batch.people?.push(item.by);
          this.prepareChange(item, changed, show);
      }
    }
    batch.messages = [...changed.values()];
    return { batch, show };
  }

  private prepareMessage(
    item: Extract<WireItem, { kind: 'message' }>,
    changed: Map<string, StoredMessage>,
    batch: Batch,
    show: (() => void)[],
  ): void {
    const { message, people, group, ack } = item;
    const key = storedKey(message);
    batch.people?.push(...people);
    if (group !== undefined) {
      batch.groups?.push(group);
      batch.people?.push(...group.members);
    }
    if (this.store.stored.has(key) || changed.has(key)) return;
    const me = this.store.people.me.phone;
    const chat = group?.id ?? (message.from === me ? message.to : message.from);
    const plain: StoredMessage = { key, rowId: this.store.nextRowId(), chat, message, ack };
    const stored = message.from === me ? plain : this.faults.disguise(plain);
    changed.set(key, stored);
    show.push(() => {
      this.store.showPeople(people);
      if (group !== undefined) this.store.showGroup(group);
      const msg = this.store.show(stored, true);
      if (message.from !== me) this.faults.shown(stored, msg);
    });
  }

  private prepareChange(item: Change, changed: Map<string, StoredMessage>, show: (() => void)[]): void {
    const key = storedKey(item.key);
    const known = changed.get(key) ?? this.store.stored.get(key);
    if (known === undefined) return;
    const next = changeOf(known, item);
    changed.set(key, next);
    show.push(() => {
      if ('by' in item) this.store.showPeople([item.by]);
      this.store.remember(next);
      this.showChange(next, item);
    });
  }

  private showChange(stored: StoredMessage, item: Change): void {
    const msg = this.find(stored);
    if (msg === undefined) return;
    const { people } = this.store;
    switch (item.kind) {
      case 'ack':
        msg.set({ ack: item.ack });
        break;
      case 'revoke':
        if (stored.revoked) msg.set(revokedContent(stored.revoked, people));
        break;
      case 'edit': {
        const field = msg.directPath === undefined ? 'body' : 'caption';
        msg.set({ [field]: item.body, latestEditSenderTimestampMs: item.timestamp });
        break;
      }
      case 'reaction':
        msg.set({ hasReaction: hasReaction(stored) });
        void reactionTableMode.bulkUpsert([reactionRow(this.store, stored, item.by.phone)]);
        break;
      case 'vote':
        void pollVoteTableMode.bulkUpsert([voteRow(this.store, stored, item.by.phone)]);
    }
  }

  private find(stored: StoredMessage): Msg | undefined {
    return this.store.msgs.get(keyFor(stored, this.store.people));
  }
}

function changeOf(stored: StoredMessage, item: Change): StoredMessage {
  const { message } = stored;
  switch (item.kind) {
    case 'ack':
      return { ...stored, ack: item.ack };
    case 'revoke':
      return { ...stored, revoked: { by: item.by.phone, timestamp: item.timestamp } };
    case 'reaction': {
      const { id, emoji, timestamp, by } = item;
      return { ...stored, reactions: { ...stored.reactions, [by.phone]: { id, emoji, timestamp } } };
    }
    case 'vote': {
      const { id, choices, timestamp, by } = item;
      return { ...stored, votes: { ...stored.votes, [by.phone]: { id, choices, timestamp } } };
    }
    case 'edit': {
      const text = message.media === undefined ? { body: item.body } : { caption: item.body };
      return { ...stored, message: { ...message, ...text }, editedAt: item.timestamp };
    }
  }
}
