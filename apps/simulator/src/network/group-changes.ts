import type { WireItem, WireMessage } from '../wire.js';
import type { Accounts } from './accounts.js';
import type { Logins } from './logins.js';
import { type Messages, newMessageId } from './messages.js';
import { type Group, type MessageRecord, Refusal } from './records.js';

/** WhatsApp Web's names of what can be done to a group here. */
export const GROUP_CHANGES = [
  'add',
  'remove',
  'leave',
  'promote',
  'demote',
  'subject',
  'description',
] as const;
export type GroupChange = (typeof GROUP_CHANGES)[number];

export interface GroupChangeOrder {
  change: GroupChange;
  /** Phone of who does it. */
  by: string;
  /** Phones of those it concerns. */
  members: string[];
  /** New subject or description. */
  value?: string;
}

/** What people do to groups. Each change leaves a mark in the group's chat, for all who were or are in it. */
export class GroupChanges {
  constructor(
    private readonly accounts: Accounts,
    private readonly messages: Messages,
    private readonly logins: Logins,
  ) {}

  /** @throws Refusal for a group, person or change that cannot be */
  apply(id: string, order: GroupChangeOrder): MessageRecord {
    const before = this.accounts.findGroup(id);
    if (before === undefined) throw new Refusal(404, 'there is no group with this id', 'id');
    if (!before.members.includes(order.by)) throw new Refusal(422, 'is not in this group', 'by');
    for (const phone of order.members) this.accounts.get(phone, 'members');
    const after = changed(before, order);
    this.accounts.putGroup(after);
    const record = this.messages.add(markOf(id, order), 'phone');
    const item: WireItem = {
      kind: 'message',
      message: record.message,
      people: [order.by, ...order.members].map((phone) => this.accounts.person(phone)),
      group: this.accounts.wireGroup(after),
      ack: record.ack,
    };
    const all = new Set([...before.members, ...after.members]);
    for (const login of [...all].flatMap((phone) => this.logins.of(phone))) login.push(item);
    return record;
  }
}

function markOf(id: string, { change, by, members, value }: GroupChangeOrder): WireMessage {
  return {
    id: newMessageId(),
    from: by,
    to: id,
    timestamp: Math.floor(Date.now() / 1000),
    type: 'gp2',
    ...(value === undefined ? {} : { body: value }),
    extra: { subtype: change, recipients: change === 'leave' ? [by] : members },
  };
}

function changed(group: Group, { change, by, members, value }: GroupChangeOrder): Group {
  const without = (phones: string[], gone: string[]) => phones.filter((phone) => !gone.includes(phone));
  switch (change) {
    case 'add':
      return { ...group, members: [...new Set([...group.members, ...members])] };
    case 'remove':
    case 'leave': {
      const gone = change === 'leave' ? [by] : members;
      return { ...group, members: without(group.members, gone), admins: without(group.admins, gone) };
    }
    case 'promote':
      return { ...group, admins: [...new Set([...group.admins, ...members])] };
    case 'demote':
      return { ...group, admins: without(group.admins, members) };
    case 'subject':
      return { ...group, subject: value ?? group.subject };
    case 'description':
      return group;
  }
}
