import { createHash, randomUUID } from 'node:crypto';
import type { WireGroup, WirePerson } from '../wire.js';
import { type Account, type Group, type JournalEntry, type Persona, Refusal } from './records.js';

/** Who is on our WhatsApp, and in which groups. */
export class Accounts {
  private readonly byPhone = new Map<string, Account>();
  private readonly byLid = new Map<string, Account>();
  private readonly groupsById = new Map<string, Group>();

  constructor(private readonly record: (entry: JournalEntry) => void) {}

  list(): Account[] {
    return [...this.byPhone.values()];
  }

  find(phone: string): Account | undefined {
    return this.byPhone.get(phone);
  }

  findByLid(lid: string): Account | undefined {
    return this.byLid.get(lid);
  }

  get(phone: string, field: string): Account {
    const account = this.byPhone.get(phone);
    if (account === undefined) throw new Refusal(404, 'there is no account with this phone', field);
    return account;
  }

  /** Adds the account, or updates name, persona and `lidOnly` of the existing one. */
  put(fields: { phone: string; name: string; persona?: Persona; lidOnly?: boolean }): Account {
    const known = this.byPhone.get(fields.phone);
    const account: Account = {
      phone: fields.phone,
      lid: known?.lid ?? lidFor(fields.phone),
      name: fields.name,
      persona: fields.persona ?? known?.persona ?? 'none',
      lidOnly: fields.lidOnly ?? known?.lidOnly ?? false,
    };
    this.restoreAccount(account);
    this.record({ k: 'account', v: account });
    return account;
  }

  restoreAccount(account: Account): void {
    this.byPhone.set(account.phone, account);
    this.byLid.set(account.lid, account);
  }

  listGroups(): Group[] {
    return [...this.groupsById.values()];
  }

  findGroup(id: string): Group | undefined {
    return this.groupsById.get(id);
  }

  groupsOf(phone: string): Group[] {
    return this.listGroups().filter((group) => group.members.includes(phone));
  }

  /** The first member is the owner and admin. @throws Refusal when a member has no account */
  addGroup(subject: string, members: string[]): Group {
    const unique = [...new Set(members)];
    for (const phone of unique) this.get(phone, 'members');
    const owner = unique[0];
    if (owner === undefined) throw new Refusal(422, 'a group needs at least one member', 'members');
    const group: Group = {
      id: `${120363000000000000n + BigInt(`0x${randomUUID().replaceAll('-', '').slice(0, 12)}`)}@g.us`,
      subject,
      members: unique,
      admins: [owner],
      createdAt: Math.floor(Date.now() / 1000),
    };
    this.putGroup(group);
    return group;
  }

  /** Takes over a group as it is now. */
  putGroup(group: Group): void {
    this.restoreGroup(group);
    this.record({ k: 'group', v: group });
  }

  restoreGroup(group: Group): void {
    this.groupsById.set(group.id, group);
  }

  person(phone: string): WirePerson {
    const { lid, name, lidOnly } = this.byPhone.get(phone) ?? {
      lid: lidFor(phone),
      name: phone,
      lidOnly: false,
    };
    return { phone, lid, name, lidOnly };
  }

  wireGroup(group: Group): WireGroup {
    return {
      id: group.id,
      subject: group.subject,
      owner: group.admins[0] ?? group.members[0] ?? '',
      admins: group.admins,
      members: group.members.map((phone) => this.person(phone)),
      createdAt: group.createdAt,
    };
  }
}

/** A LID looks like a phone number of 15 digits and tells nothing about the phone. */
function lidFor(phone: string): string {
  const hash = createHash('sha256').update(`lid of ${phone}`).digest();
  return String(100_000_000_000_000n + (hash.readBigUInt64BE(0) % 900_000_000_000_000n));
}
