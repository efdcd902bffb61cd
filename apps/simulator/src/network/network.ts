import { Accounts } from './accounts.js';
import { ChatStates } from './chat-states.js';
import { Conversation } from './conversation.js';
import { Faults } from './faults.js';
import { GroupChanges } from './group-changes.js';
import { Journal } from './journal.js';
import type { LinkedLogin, PageConnection } from './linked-login.js';
import { Logins } from './logins.js';
import { MediaBlobs } from './media-blobs.js';
import { Messages, newMessageId } from './messages.js';
import { PageSession } from './page-session.js';
import { type Account, type JournalEntry, type Persona, Refusal, parsePhone } from './records.js';
import type { WaitingLogin } from './waiting-login.js';

export interface NetworkOptions {
  stateFile?: string;
  qrFirstMs?: number;
  qrNextMs?: number;
}

/** Our WhatsApp: accounts, groups, logins, messages, media and faults. In memory, with an optional state file. */
export class Network {
  readonly accounts: Accounts;
  readonly logins: Logins;
  readonly messages: Messages;
  readonly conversation: Conversation;
  readonly groupChanges: GroupChanges;
  readonly media: MediaBlobs;
  readonly faults: Faults;
  readonly chatStates = new ChatStates();
  private readonly missing = new Map<string, number>();
  private readonly journal: Journal;

  constructor(options: NetworkOptions = {}) {
    this.journal = new Journal(options.stateFile);
    const record = (entry: JournalEntry) => this.journal.append(entry);
    this.accounts = new Accounts(record);
    this.logins = new Logins(
      { firstMs: options.qrFirstMs ?? 60_000, nextMs: options.qrNextMs ?? 20_000 },
      () => this.faults.take('qrIdle', undefined) !== undefined,
      record,
    );
    this.messages = new Messages(this.accounts, this.logins, record);
    this.media = new MediaBlobs(options.stateFile === undefined ? undefined : `${options.stateFile}.media`);
    this.faults = new Faults(() => this.publishFaults());
    this.conversation = new Conversation(this.accounts, this.messages, this.media, this.faults);
    this.groupChanges = new GroupChanges(this.accounts, this.messages, this.logins);
    this.restore();
  }

  /** A page has opened its socket. */
  connect(connection: PageConnection): PageSession {
    return new PageSession(this, connection);
  }

  putAccount(fields: { phone: string; name: string; persona?: Persona; lidOnly?: boolean }): Account {
    const phone = parsePhone(fields.phone, 'phone');
    const before = this.accounts.find(phone);
    const account = this.accounts.put({ ...fields, phone });
    if (before !== undefined && before.lidOnly !== account.lidOnly) this.tellPartners(phone);
    return account;
  }

  /** A number is shown now, or no longer: everybody who knows this person learns it. */
  private tellPartners(phone: string): void {
    const item = { kind: 'person' as const, person: this.accounts.person(phone) };
    for (const partner of this.conversation.partnersOf(phone)) {
      for (const login of this.logins.of(partner.phone)) login.push(item);
    }
  }

  addGroup(subject: string, members: string[]) {
    const group = this.accounts.addGroup(
      subject,
      members.map((phone) => parsePhone(phone, 'members')),
    );
    const item = { kind: 'group' as const, group: this.accounts.wireGroup(group) };
    for (const login of group.members.flatMap((phone) => this.logins.of(phone))) login.push(item);
    return group;
  }

  /** Somebody calls a phone, or a group. Rings in the logins that are there. @throws Refusal for who is not there */
  ring({
    from,
    to,
    isVideo,
    id = newMessageId(),
  }: {
    from: string;
    to: string;
    isVideo: boolean;
    id?: string;
  }) {
    this.accounts.get(from, 'from');
    const group = this.accounts.findGroup(to);
    const called = group?.members ?? [this.accounts.get(parsePhone(to, 'to'), 'to').phone];
    const call = {
      id,
      from: this.accounts.person(from),
      isVideo,
      startedAt: Math.floor(Date.now() / 1000),
      ...(group === undefined ? {} : { group: this.accounts.wireGroup(group) }),
    };
    const logins = called.flatMap((phone) => (phone === from ? [] : this.logins.of(phone)));
    const ringing = logins.filter(({ connected }) => connected);
    for (const login of ringing) login.send({ t: 'call', call });
    return { id, logins: ringing.length };
  }

  /** A phone scans a page's QR. A valid phone without an account gets one. */
  scan(qr: string, phone: string): { loginId: string; phone: string } {
    const digits = parsePhone(phone, 'phone');
    return this.link(this.logins.findByQr(qr), digits);
  }

  /** A phone enters the pairing code a page shows. */
  pair(code: string, phone: string): { loginId: string; phone: string } {
    const digits = parsePhone(phone, 'phone');
    return this.link(this.logins.findByCode(code, digits), digits);
  }

  /** The phone removes all its linked logins. */
  unlink(phone: string): number {
    const logins = this.logins.getAll(parsePhone(phone, 'phone'));
    for (const login of logins) login.revoke();
    return logins.length;
  }

  /** Closes the connections; the pages may come back after `forMs`. */
  drop(phone: string, forMs: number): number {
    const logins = this.logins.getAll(parsePhone(phone, 'phone'));
    for (const login of logins) {
      login.refusedUntil = Date.now() + forMs;
      login.disconnect();
    }
    return logins.length;
  }

  reload(phone: string): number {
    return this.tell(phone, { t: 'reload' });
  }

  /** The phone's pages lose all but the newest `keep` messages of a chat (a phone, or a group id). */
  forgetHistory(phone: string, chat: string, keep: number): number {
    const name = chat.endsWith('@g.us') ? chat : parsePhone(chat, 'chat');
    return this.tell(phone, { t: 'forget', chat: name, keep });
  }

  setState(phone: string, state: string): number {
    return this.tell(phone, { t: 'state', state });
  }

  countMissing(name: string): void {
    this.missing.set(name, (this.missing.get(name) ?? 0) + 1);
  }

  listMissing(): Record<string, number> {
    return Object.fromEntries([...this.missing].sort(([a], [b]) => a.localeCompare(b)));
  }

  /** Attaches a linked login to the page's connection: welcome, what is queued, then the end of the queue. */
  attach(login: LinkedLogin, connection: PageConnection, unsent: string[]): void {
    const { phone } = login.record;
    login.attach(connection, {
      t: 'welcome',
      me: this.accounts.person(phone),
      people: this.conversation.partnersOf(phone),
      groups: this.accounts.groupsOf(phone).map((group) => this.accounts.wireGroup(group)),
      faults: this.faults.for(phone),
      handed: unsent.filter((id) => this.messages.find(phone, id) !== undefined),
    });
  }

  close(): void {
    this.conversation.close();
    this.logins.close();
    this.journal.flush();
  }

  private link(waiting: WaitingLogin, phone: string): { loginId: string; phone: string } {
    if (this.accounts.find(phone) === undefined) this.accounts.put({ phone, name: phone });
    const login = this.logins.link(waiting, phone);
    this.sessions.get(waiting.connection)?.linked(login);
    return { loginId: login.record.id, phone };
  }

  private readonly sessions = new Map<PageConnection, PageSession>();

  /** A session announces itself, so that a scan finds the page that waits. */
  remember(connection: PageConnection, session: PageSession): void {
    this.sessions.set(connection, session);
  }

  forget(connection: PageConnection): void {
    this.sessions.delete(connection);
  }

  private tell(phone: string, frame: Parameters<LinkedLogin['send']>[0]): number {
    const connected = this.logins.getAll(parsePhone(phone, 'phone')).filter((login) => login.connected);
    if (connected.length === 0) throw new Refusal(409, 'the login of this phone is away', 'phone');
    for (const login of connected) login.send(frame);
    return connected.length;
  }

  private publishFaults(): void {
    for (const login of this.logins.list()) {
      login.send({ t: 'faults', faults: this.faults.for(login.record.phone) });
    }
  }

  private restore(): void {
    for (const entry of this.journal.read()) {
      if (entry.k === 'account') this.accounts.restoreAccount(entry.v);
      else if (entry.k === 'group') this.accounts.restoreGroup(entry.v);
      else if (entry.k === 'login') this.restoreLogin(entry.v);
      else if (entry.k === 'message') this.messages.restore(entry.v);
      else if (entry.k === 'item') this.logins.find(entry.login)?.restoreItem(entry.seq, entry.v);
      else this.logins.find(entry.login)?.restoreConfirm(entry.seq);
    }
    this.journal.rewrite(this.entries());
    this.conversation.restoreContacts();
  }

  private restoreLogin(record: LinkedLogin['record']): void {
    const known = this.logins.find(record.id);
    if (known === undefined) this.logins.restore(record);
    else if (record.revoked) known.revoke();
  }

  private *entries(): Iterable<JournalEntry> {
    for (const account of this.accounts.list()) yield { k: 'account', v: account };
    for (const group of this.accounts.listGroups()) yield { k: 'group', v: group };
    yield* this.messages.entries();
    yield* this.logins.entries();
  }
}
