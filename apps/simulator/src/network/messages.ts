import { randomBytes } from 'node:crypto';
import type { WireItem, WireKey, WireMessage } from '../wire.js';
import type { Accounts } from './accounts.js';
import type { Logins } from './logins.js';
import { type JournalEntry, type MessageRecord, Refusal } from './records.js';

/** What the network holds of messages: who gets them, how often they were handed over, how far their acks are. */
export class Messages {
  private readonly byKey = new Map<string, MessageRecord>();
  private lastOrder = 0;

  constructor(
    private readonly accounts: Accounts,
    private readonly logins: Logins,
    private readonly journal: (entry: JournalEntry) => void,
  ) {}

  find(from: string, id: string): MessageRecord | undefined {
    return this.byKey.get(keyOf(from, id));
  }

  /** The newest message with this id, whoever sent it. @throws Refusal 404 */
  get(id: string, field = 'id'): MessageRecord {
    const found = [...this.byKey.values()].reverse().find((record) => record.message.id === id);
    if (found === undefined) throw new Refusal(404, 'there is no message with this id', field);
    return found;
  }

  list(via: MessageRecord['via'], filter: { from?: string; to?: string; limit?: number }): MessageRecord[] {
    const found = [...this.byKey.values()].filter(
      ({ via: way, message }) =>
        way === via &&
        (filter.from === undefined || message.from === filter.from) &&
        (filter.to === undefined || message.to === filter.to),
    );
    return filter.limit === undefined ? found : found.slice(-filter.limit);
  }

  add(message: WireMessage, via: MessageRecord['via'], sha256?: string): MessageRecord {
    const record: MessageRecord = {
      message,
      via,
      order: (this.lastOrder += 1),
      handOvers: via === 'login' ? 1 : 0,
      ack: 0,
      deliveredTo: 0,
      ...(sha256 === undefined ? {} : { sha256 }),
    };
    this.restore(record);
    this.save(record);
    return record;
  }

  restore(record: MessageRecord): void {
    this.lastOrder = Math.max(this.lastOrder, record.order);
    this.byKey.set(keyOf(record.message.from, record.message.id), record);
  }

  save(record: MessageRecord): void {
    this.journal({ k: 'message', v: record });
  }

  *entries(): Iterable<JournalEntry> {
    for (const record of this.byKey.values()) yield { k: 'message', v: record };
  }

  /** Phones that get a message addressed `to`, the sender not among them. */
  recipients(message: WireMessage): string[] {
    const group = this.accounts.findGroup(message.to);
    if (group !== undefined) return group.members.filter((phone) => phone !== message.from);
    return message.to === message.from ? [] : [message.to];
  }

  /** Queues the message for every login of sender and recipients, except the login that handed it over. */
  deliver(record: MessageRecord, exceptLogin?: string): void {
    const { message } = record;
    const group = this.accounts.findGroup(message.to);
    const item: WireItem = {
      kind: 'message',
      message,
      people: [message.from, ...(group === undefined ? [message.to] : [])].map((phone) =>
        this.accounts.person(phone),
      ),
      ...(group === undefined ? {} : { group: this.accounts.wireGroup(group) }),
      ack: record.ack,
    };
    this.toParties(message, item, exceptLogin);
  }

  /** Queues an item about a message for every login that has the message. */
  toParties(message: WireKey, item: WireItem, exceptLogin?: string): void {
    const group = this.accounts.findGroup(message.to);
    const phones = new Set([message.from, ...(group?.members ?? [message.to])]);
    for (const login of [...phones].flatMap((phone) => this.logins.of(phone))) {
      if (login.record.id !== exceptLogin) login.push(item);
    }
  }

  /** Tells the sender's logins, and keeps the highest ack; acks that go backwards are passed on as they are. */
  ack(record: MessageRecord, ack: number, code?: number): void {
    const { id, from, to } = record.message;
    record.ack = ack === -1 ? -1 : Math.max(record.ack, ack);
    this.save(record);
    const item: WireItem = {
      kind: 'ack',
      key: { id, from, to },
      ack,
      ...(code === undefined ? {} : { code }),
    };
    for (const login of this.logins.of(from)) login.push(item);
  }

  raise(record: MessageRecord, ack: number): void {
    if (record.ack !== -1 && record.ack < ack) this.ack(record, ack);
  }
}

/** An id as phones make them: 32 hexadecimal digits. */
export function newMessageId(): string {
  return `AC${randomBytes(15).toString('hex').toUpperCase()}`;
}

function keyOf(from: string, id: string): string {
  return `${from} ${id}`;
}
