import type { WireItem, WireKey, WireMedia, WireMessage, WirePerson } from '../wire.js';
import type { Accounts } from './accounts.js';
import type { Faults } from './faults.js';
import type { LinkedLogin } from './linked-login.js';
import type { MediaBlobs } from './media-blobs.js';
import { type Messages, newMessageId } from './messages.js';
import { actionOf, type PersonaReply } from './personas.js';
import { type PhoneMessage, WIRE_TYPES, typedReply } from './phone-message.js';
import { placesIn, pollExtra } from './polls.js';
import { type MessageRecord, Refusal } from './records.js';

/** What people do with messages: send, receive, read, edit, delete, react; and what personas answer. */
export class Conversation {
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly partners = new Map<string, Set<string>>();
  /** Delivered to a login but not read in it: by reader and chat. */
  private readonly unread = new Map<string, MessageRecord[]>();
  private readonly unacknowledged = new WeakSet<MessageRecord>();

  constructor(
    private readonly accounts: Accounts,
    private readonly messages: Messages,
    private readonly media: MediaBlobs,
    private readonly faults: Faults,
  ) {}

  /** A phone sends. The same sender and id again changes nothing and answers the first message. */
  sendFromPhone(input: PhoneMessage): { record: MessageRecord; duplicate: boolean } {
    this.accounts.get(input.from, 'from');
    this.checkRecipient(input.from, input.to);
    const known = input.id === undefined ? undefined : this.messages.find(input.from, input.id);
    if (known !== undefined) return { record: known, duplicate: true };
    const quoted = input.quotedId === undefined ? undefined : this.quote(input.quotedId);
    const stored = this.storeMedia(input);
    const message: WireMessage = {
      id: input.id ?? newMessageId(),
      from: input.from,
      to: input.to,
      timestamp: Math.floor(Date.now() / 1000),
      type: WIRE_TYPES[input.type],
      ...(stored === undefined
        ? { body: input.body ?? '' }
        : { media: stored.media, ...(input.body === undefined ? {} : { caption: input.body }) }),
      ...(quoted === undefined ? {} : { quoted }),
      ...(input.address === undefined ? {} : { address: input.address }),
      ...(input.choices === undefined ? {} : { extra: pollExtra(input.body ?? '', input.choices) }),
      ...(input.decryptedAfterMs === undefined ? {} : { decryptedAfterMs: input.decryptedAfterMs }),
    };
    const record = this.messages.add(message, 'phone', stored?.sha256);
    this.meet(message);
    this.messages.deliver(record);
    this.answer(record);
    return { record, duplicate: false };
  }

  /** A page hands a message over. Counted each time; passed on to recipients once. */
  handOver(login: LinkedLogin, message: WireMessage): void {
    const known = this.messages.find(message.from, message.id);
    if (known !== undefined) {
      known.handOvers += 1;
      this.messages.save(known);
      if (known.ack > 0 && !this.unacknowledged.has(known)) this.messages.ack(known, known.ack);
      return;
    }
    const sha256 = message.media?.directPath.split('/').pop();
    const record = this.messages.add(message, 'login', sha256);
    if (this.faults.take('noAck', message.from) !== undefined) this.unacknowledged.add(record);
    this.raise(record, 1);
    if (!this.isReachable(message.to)) {
      this.acknowledge(record, -1, 404);
      return;
    }
    this.meet(message);
    this.messages.deliver(record, login.record.id);
    this.answer(record);
  }

  /** A page has stored these items. */
  confirmed(login: LinkedLogin, items: WireItem[]): void {
    for (const item of items) {
      if (item.kind !== 'message' || item.message.from === login.record.phone) continue;
      const record = this.messages.find(item.message.from, item.message.id);
      if (record === undefined) continue;
      record.deliveredTo += 1;
      this.messages.save(record);
      if (record.via !== 'login') continue;
      this.raise(record, 2);
      const place = `${login.record.phone} ${this.chatOf(record.message, login.record.phone)}`;
      this.unread.set(place, [...(this.unread.get(place) ?? []), record]);
    }
  }

  /** Somebody read a chat (a phone, or a group id) in one of their logins. */
  seen(reader: string, chat: string): void {
    const place = `${reader} ${chat}`;
    for (const record of this.unread.get(place) ?? []) this.raise(record, 3);
    this.unread.delete(place);
  }

  edit(key: WireKey, body: string, exceptLogin?: string): void {
    const record = this.getByKey(key);
    const { message } = record;
    if (message.media === undefined) message.body = body;
    else message.caption = body;
    this.messages.save(record);
    const item: WireItem = { kind: 'edit', key, body, timestamp: Date.now() };
    this.messages.toParties(message, item, exceptLogin);
  }

  /** The sender deletes it for everyone, or `by` does, an admin of the group. */
  revoke(key: WireKey, exceptLogin?: string, by = key.from): void {
    const { message } = this.getByKey(key);
    const isAdmin = this.accounts.findGroup(key.to)?.admins.includes(by) ?? false;
    if (by !== key.from && !isAdmin) {
      throw new Refusal(422, 'only the sender and admins of the group can delete it', 'by');
    }
    const timestamp = Math.floor(Date.now() / 1000);
    const item: WireItem = { kind: 'revoke', key, by: this.accounts.person(by), timestamp };
    this.messages.toParties(message, item, exceptLogin);
  }

  react(key: WireKey, by: string, emoji: string): void {
    const { message } = this.getByKey(key);
    this.messages.toParties(message, {
      kind: 'reaction',
      key,
      id: newMessageId(),
      by: this.accounts.person(by),
      emoji,
      timestamp: Date.now(),
    });
  }

  /** Somebody chooses in a poll; it replaces what they chose before. */
  vote(key: WireKey, by: string, choices: string[]): void {
    const { message } = this.getByKey(key);
    const places = placesIn(message, choices);
    const item = { kind: 'vote' as const, key, id: newMessageId(), by: this.accounts.person(by) };
    this.messages.toParties(message, { ...item, choices: places, timestamp: Date.now() });
  }

  acknowledge(record: MessageRecord, ack: number, code?: number): void {
    if (this.unacknowledged.has(record)) return;
    const delay = this.faults.for(record.message.from).find((fault) => fault.kind === 'ackDelayMs');
    this.after(delay?.ms ?? 0, () => this.messages.ack(record, ack, code));
  }

  /** People this phone has written with or shares a group with. */
  partnersOf(phone: string): WirePerson[] {
    const known = new Set(this.partners.get(phone));
    for (const group of this.accounts.groupsOf(phone)) group.members.forEach((member) => known.add(member));
    known.delete(phone);
    return [...known].map((partner) => this.accounts.person(partner));
  }

  restoreContacts(): void {
    for (const entry of this.messages.entries()) if (entry.k === 'message') this.meet(entry.v.message);
  }

  close(): void {
    for (const timer of this.timers) clearTimeout(timer);
  }

  private raise(record: MessageRecord, ack: number): void {
    if (record.ack !== -1 && record.ack < ack) this.acknowledge(record, ack);
  }

  private answer(record: MessageRecord): void {
    const { message } = record;
    if (this.accounts.findGroup(message.to) !== undefined) return this.readInGroup(record);
    const account = this.accounts.find(message.to);
    // Two personas would answer each other for ever.
    if (account === undefined || this.accounts.find(message.from)?.persona !== 'none') return;
    const { acks, replies = [], reaction } = actionOf(account.persona, message);
    if (record.via === 'login') {
      for (const { ack, afterMs, code } of acks) {
        this.after(afterMs, () => this.acknowledge(record, ack, code));
      }
    }
    if (reaction !== undefined) this.react(keyOf(message), account.phone, reaction);
    for (const reply of replies) this.reply(message, account.phone, reply);
  }

  private reply(message: WireMessage, from: string, reply: PersonaReply): void {
    const echo = reply.echo === true ? this.echoed(message) : {};
    const { record } = this.sendFromPhone({ ...typedReply(reply), ...echo, from, to: message.from });
    const { edit, revokeAfterMs } = reply;
    const key = keyOf(record.message);
    if (edit !== undefined) this.after(edit.afterMs, () => this.edit(key, edit.body));
    if (revokeAfterMs !== undefined) this.after(revokeAfterMs, () => this.revoke(key));
  }

  /** In groups personas only listen. */
  private readInGroup(record: MessageRecord): void {
    if (record.via !== 'login') return;
    for (const member of this.accounts.findGroup(record.message.to)?.members ?? []) {
      const persona = this.accounts.find(member)?.persona;
      if (persona === undefined || member === record.message.from) continue;
      for (const { ack, afterMs } of actionOf(persona, record.message).acks) {
        if (ack > 0) this.after(afterMs, () => this.raise(record, ack));
      }
    }
  }

  private echoed(message: WireMessage): Partial<PhoneMessage> {
    const bytes = message.media === undefined ? undefined : this.media.find(message.media.directPath);
    const body = message.media === undefined ? message.body : message.caption;
    return {
      quotedId: message.id,
      ...(body === undefined ? {} : { body }),
      ...(bytes === undefined || message.media === undefined ? {} : { media: { ...message.media, bytes } }),
    };
  }

  private storeMedia(input: PhoneMessage): { media: WireMedia; sha256: string } | undefined {
    const isPoll = input.type === 'poll';
    if (isPoll !== (input.choices !== undefined))
      throw new Refusal(422, 'a poll, and nothing else, has choices', 'choices');
    if (isPoll || input.type === 'text') {
      if (input.media !== undefined) throw new Refusal(422, `a ${input.type} has no media`, 'media');
      if (!input.body) throw new Refusal(422, `a ${input.type} needs a body`, 'body');
      return undefined;
    }
    if (input.media === undefined)
      throw new Refusal(422, `a message of type ${input.type} needs media`, 'media');
    const { media, sha256 } = this.media.put(input.media.bytes);
    const { mimetype, filename } = input.media;
    const claimed = this.faults.take('declaredSize', input.to)?.bytes;
    if (claimed !== undefined) media.size = claimed;
    return { sha256, media: { ...media, mimetype, ...(filename === undefined ? {} : { filename }) } };
  }

  private quote(id: string): NonNullable<WireMessage['quoted']> {
    const { message } = this.messages.get(id, 'quotedId');
    const { from, type, body, caption } = message;
    return { id, from, type, ...(body && { body }), ...(caption && { caption }) };
  }

  private checkRecipient(from: string, to: string): void {
    if (!to.endsWith('@g.us')) {
      this.accounts.get(to, 'to');
      return;
    }
    const group = this.accounts.findGroup(to);
    if (group === undefined) throw new Refusal(404, 'there is no group with this id', 'to');
    if (!group.members.includes(from)) throw new Refusal(422, 'the sender is not in this group', 'from');
  }

  private isReachable(to: string): boolean {
    return this.accounts.find(to) !== undefined || this.accounts.findGroup(to) !== undefined;
  }

  private getByKey(key: WireKey): MessageRecord {
    const record = this.messages.find(key.from, key.id);
    if (record === undefined) throw new Refusal(404, 'there is no message with this id', 'id');
    return record;
  }

  private chatOf(message: WireMessage, reader: string): string {
    if (message.to.endsWith('@g.us')) return message.to;
    return message.from === reader ? message.to : message.from;
  }

  private meet({ from, to }: WireMessage): void {
    if (to.endsWith('@g.us')) return;
    this.partners.set(from, (this.partners.get(from) ?? new Set()).add(to));
    this.partners.set(to, (this.partners.get(to) ?? new Set()).add(from));
  }

  private after(ms: number, action: () => void): void {
    if (ms === 0) {
      action();
      return;
    }
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      action();
    }, ms);
    this.timers.add(timer);
  }
}

function keyOf({ id, from, to }: WireMessage): WireKey {
  return { id, from, to };
}
