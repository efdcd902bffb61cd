import type { QueuedItem, WireItem } from '../wire.js';
import type { InboundFaults } from './inbound-faults.js';
import type { Msg } from './msg.js';
import { MsgKey } from './msg-key.js';
import { keyFor } from './msg.js';
import type { Batch, StoredMessage } from './page-db.js';
import { type PageStore, storedKey } from './page-store.js';

/** `WAWebAddonReactionTableMode.reactionTableMode`; the library hooks `bulkUpsert`. */
export const reactionTableMode = {
  bulkUpsert: (_reactions: Record<string, unknown>[]): Promise<void> => Promise.resolve(),
};

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

  private async work(): Promise<void> {
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
    await this.store.prune();
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
        case 'reaction':
          batch.people?.push(item.by);
          show.push(() => this.showReaction(item));
          break;
        default:
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

  private prepareChange(
    item: Extract<WireItem, { kind: 'ack' | 'edit' | 'revoke' }>,
    changed: Map<string, StoredMessage>,
    show: (() => void)[],
  ): void {
    const key = storedKey(item.key);
    const known = changed.get(key) ?? this.store.stored.get(key);
    if (known === undefined) return;
    const next = changeOf(known, item);
    changed.set(key, next);
    show.push(() => {
      this.store.remember(next);
      this.showChange(this.find(next), item);
    });
  }

  private showChange(
    msg: Msg | undefined,
    item: Extract<WireItem, { kind: 'ack' | 'edit' | 'revoke' }>,
  ): void {
    if (msg === undefined) return;
    if (item.kind === 'ack') msg.set({ ack: item.ack });
    else if (item.kind === 'revoke') msg.set({ type: 'revoked', body: undefined, caption: undefined });
    else {
      const field = msg.directPath === undefined ? 'body' : 'caption';
      msg.set({ [field]: item.body, latestEditSenderTimestampMs: item.timestamp * 1000 });
    }
  }

  private showReaction(item: Extract<WireItem, { kind: 'reaction' }>): void {
    const { people } = this.store;
    this.store.showPeople([item.by]);
    const parent = this.store.stored.get(storedKey(item.key));
    if (parent === undefined) return;
    const parentKey = keyFor(parent, people);
    this.find(parent)?.set({ hasReaction: item.emoji !== '' });
    const author = people.addressOf(item.by);
    void reactionTableMode.bulkUpsert([
      {
        id: new MsgKey({ fromMe: item.by.phone === people.me.phone, remote: parentKey.remote, id: item.id }),
        reactionParentKey: parentKey,
        reactionText: item.emoji,
        reactionTimestamp: item.timestamp,
        author,
        from: author,
        read: false,
        orphan: 0,
        ack: 2,
      },
    ]);
  }

  private find(stored: StoredMessage): Msg | undefined {
    return this.store.msgs.get(keyFor(stored, this.store.people));
  }
}

function changeOf(
  stored: StoredMessage,
  item: Extract<WireItem, { kind: 'ack' | 'edit' | 'revoke' }>,
): StoredMessage {
  if (item.kind === 'ack') return { ...stored, ack: item.ack };
  if (item.kind === 'revoke') return { ...stored, revoked: true };
  const { message } = stored;
  const text = message.media === undefined ? { body: item.body } : { caption: item.body };
  return { ...stored, message: { ...message, ...text }, editedAt: item.timestamp };
}
