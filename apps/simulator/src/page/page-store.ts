import type { WireGroup, WirePerson } from '../wire.js';
import { Chat, ChatCollection, GroupMetadata } from './chat.js';
import { Collection } from './collection.js';
import { ContactCollection } from './contact.js';
import { Msg, MsgCollection, attributesOf, keyFor } from './msg.js';
import type { Batch, PageDb, StoredChat, StoredMessage } from './page-db.js';
import { People } from './people.js';
import { type Wid, createWid } from './wid.js';

const KEPT_MESSAGES = 20_000;

/** Everything the page knows: what is in its database, and the collections page code reads. */
export class PageStore {
  readonly people = new People();
  readonly msgs = new MsgCollection();
  readonly chats: ChatCollection;
  readonly contacts = new ContactCollection(this.people);
  readonly groupMetadata = new Collection<GroupMetadata>();
  readonly stored = new Map<string, StoredMessage>();
  private readonly groups = new Map<string, WireGroup>();
  private lastRowId = 0;

  constructor(
    readonly db: PageDb,
    findOrCreateChat: (wid: Wid) => Promise<Chat>,
  ) {
    this.chats = new ChatCollection(findOrCreateChat);
  }

  /** Shows what the database holds for this login. */
  async load(me: string): Promise<void> {
    const [people, groups, chats, messages] = await Promise.all([
      this.db.readAll<WirePerson>('people'),
      this.db.readAll<WireGroup>('groups'),
      this.db.readAll<StoredChat>('chats'),
      this.db.readAll<StoredMessage>('messages'),
    ]);
    this.people.learn(people);
    const self = this.people.byPhone(me);
    if (self === undefined) return;
    this.people.setMe(self);
    this.showPeople(people);
    for (const group of groups) this.showGroup(group);
    messages.sort((a, b) => a.rowId - b.rowId);
    const chatOf = ({ message, chat }: StoredMessage) =>
      this.people.addressOfMessage(message, chat).toString();
    const newest = new Map(messages.map((stored) => [chatOf(stored), stored]));
    for (const stored of messages) this.show(stored, false, newest.get(chatOf(stored)) === stored);
    for (const { chat, ...state } of chats) this.chatFor(chat).set(restoredChat(state), { silent: true });
    await this.prune();
  }

  nextRowId(): number {
    return (this.lastRowId += 1);
  }

  showPeople(people: WirePerson[]): void {
    this.people.learn(people);
    for (const person of people) this.contacts.learn(person);
  }

  showGroup(group: WireGroup): Chat {
    this.showPeople(group.members);
    this.groups.set(group.id, group);
    const wid = createWid(group.id);
    const metadata = this.groupMetadata.get(wid);
    if (metadata !== undefined) {
      metadata.update(group, this.people);
      const chat = this.chatFor(group.id);
      return chat.set({ name: group.subject, formattedTitle: group.subject });
    }
    const added = this.groupMetadata.add(new GroupMetadata(group, this.people));
    const chat = new Chat({
      id: wid,
      name: group.subject,
      formattedTitle: group.subject,
      groupMetadata: added,
      t: group.createdAt,
    });
    chat.useAdminCheck(() => this.groups.get(group.id)?.admins.includes(this.people.me.phone) ?? false);
    return this.chats.add(chat);
  }

  /** The chat with this phone or group, made when it is not there yet. */
  chatFor(chat: string): Chat {
    return this.chatAt(this.people.addressOfChat(chat));
  }

  private chatAt(id: Wid): Chat {
    const known = this.chats.get(id);
    if (known !== undefined) return known;
    const contact = this.contacts.gadd(id);
    return this.chats.add(new Chat({ id, contact, formattedTitle: contact.formattedName }));
  }

  /**
   * Adds the message to the collections; returns the model that stands for it. A chat is opened with its newest
   * message only; older ones come into it with `loadEarlier`.
   */
  show(stored: StoredMessage, isNewMsg: boolean, inChat = true): Msg {
    this.remember(stored);
    const msg = new Msg(attributesOf(stored, this.people, isNewMsg));
    return inChat ? this.addToChat(msg) : this.msgs.add(msg);
  }

  /** Up to `count` messages of the chat before those it already holds, oldest first. */
  loadEarlier(chat: Chat, count: number): Msg[] {
    const name = this.people.chatOf(chat.id);
    const oldest = chat.msgs.getModelsArray()[0]?.rowId ?? Infinity;
    const earlier = [...this.stored.values()]
      .filter((stored) => stored.chat === name && stored.rowId < oldest)
      .filter(({ message }) => this.people.addressOfMessage(message, name).equals(chat.id))
      .slice(-count);
    return earlier.map((stored) => {
      const msg = this.msgs.get(keyFor(stored, this.people)) ?? this.show(stored, false, false);
      return chat.msgs.add(msg);
    });
  }

  /** What the database holds of a message that is shown. */
  storedOf(msg: Msg): StoredMessage | undefined {
    const sender = msg.id.fromMe ? this.people.me.phone : this.people.chatOf(msg.author ?? msg.from);
    return this.stored.get(storedKey({ from: sender, id: msg.id.id }));
  }

  remember(stored: StoredMessage): void {
    this.lastRowId = Math.max(this.lastRowId, stored.rowId);
    this.stored.set(stored.key, stored);
  }

  addToChat(msg: Msg): Msg {
    const chat = this.chatAt(msg.id.remote);
    chat.set({ t: msg.t, ...(msg.id.fromMe ? {} : { lastReceivedKey: msg.id }) }, { silent: true });
    chat.msgs.add(msg);
    const shown = this.msgs.add(msg);
    if (shown.isNewMsg === true && !shown.id.fromMe) chat.unreadCount += 1;
    return shown;
  }

  chatRecord(chat: string): StoredChat {
    const { unreadCount, archive, pin, mute } = this.chatFor(chat);
    return { chat, unreadCount, archive, pin, muteExpiration: mute.expiration };
  }

  saveChat(chat: string): Promise<void> {
    return this.db.write({ chats: [this.chatRecord(chat)] });
  }

  /** Loses all but the newest `keep` messages of a chat, as a page does that was given no history. */
  async forget(chat: string, keep: number): Promise<void> {
    const all = [...this.stored.values()].filter((stored) => stored.chat === chat);
    const lost = all.slice(0, Math.max(0, all.length - keep));
    for (const stored of lost) {
      const msg = this.msgs.get(keyFor(stored, this.people));
      this.stored.delete(stored.key);
      if (msg === undefined) continue;
      this.chats.get(msg.id.remote)?.msgs.remove(msg.id);
      this.msgs.remove(msg.id);
    }
    await this.db.write({ removedMessages: lost.map(({ key }) => key) });
  }

  /** Forgets the oldest messages beyond what a page keeps, but never one the network has not taken. */
  async prune(): Promise<void> {
    const excess = this.stored.size - KEPT_MESSAGES;
    if (excess <= KEPT_MESSAGES / 20) return;
    const removedMessages: string[] = [];
    for (const { key, message, ack } of this.stored.values()) {
      if (removedMessages.length >= excess) break;
      if (message.from !== this.people.me.phone || ack !== 0) removedMessages.push(key);
    }
    for (const key of removedMessages) this.stored.delete(key);
    await this.db.write({ removedMessages });
  }

  save(batch: Batch): Promise<void> {
    return this.db.write(batch);
  }
}

export function storedKey({ from, id }: { from: string; id: string }): string {
  return `${from} ${id}`;
}

function restoredChat({ unreadCount, archive, pin }: Omit<StoredChat, 'chat'>) {
  return { unreadCount, archive, pin };
}
