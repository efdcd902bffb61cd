import type { NetworkFrame, PageFrame } from '../wire.js';
import type { Chat } from './chat.js';
import { boot, is2026 } from './boot.js';
import { ring } from './calls.js';
import { Connection } from './connection.js';
import { Inbound } from './inbound.js';
import { InboundFaults } from './inbound-faults.js';
import { LoginKeys } from './login-keys.js';
import { onMissing, hideModules } from './modules.js';
import { Outbound } from './outbound.js';
import { PageDb, type StoredLogin } from './page-db.js';
import { PageFaults } from './page-faults.js';
import { PageStore } from './page-store.js';
import { cmd, conn, socket, stream } from './socket.js';
import type { Wid } from './wid.js';

/** How long the end of a sync is held back for somebody who listens for it. */
const LISTENER_WAIT_MS = 10_000;
/** States in which the real page has given its connection up. */
const CLOSED_STATES = ['CONFLICT', 'TOS_BLOCK', 'SMB_TOS_BLOCK', 'PROXYBLOCK', 'DEPRECATED_VERSION'];

/** The page's life: link by QR or code, connect, sync, reconnect, log out. */
export class PageSession {
  readonly db = new PageDb();
  readonly keys = new LoginKeys(localStorage);
  readonly connection: Connection;
  readonly store: PageStore;
  readonly outbound: Outbound;
  readonly faults: PageFaults;
  private readonly inbound: Inbound;
  private readonly inboundFaults: InboundFaults;
  private login: StoredLogin | undefined;
  private fresh = false;
  private frames: Promise<void> = Promise.resolve();
  private readonly missing: string[] = [];

  constructor(findOrCreateChat: (wid: Wid) => Promise<Chat>) {
    this.connection = new Connection({
      opened: () => this.sayHello(),
      received: (frame) => this.queue(frame),
      lost: () => this.lost(),
    });
    this.faults = new PageFaults((id) => this.connection.request({ name: 'faultUsed', id }));
    this.store = new PageStore(this.db, findOrCreateChat);
    this.inboundFaults = new InboundFaults(this.store, this.faults);
    this.outbound = new Outbound(this.store, (message) => this.send({ t: 'send', message }), this.faults);
    this.inbound = new Inbound(this.store, (seq) => this.send({ t: 'confirm', seq }), this.inboundFaults);
    onMissing((name) => {
      if (!this.send({ t: 'missing', name })) this.missing.push(name);
    });
  }

  async start(): Promise<void> {
    this.login = this.keys.readLogin() ?? (await this.db.readLogin());
    const phone = this.login?.phone;
    const early = boot.faults.filter((fault) => fault.phone === undefined || fault.phone === phone);
    hideModules(() => [
      ...early.flatMap(({ kind, name }) => (kind === 'missingModule' && name !== undefined ? [name] : [])),
      ...this.faults.hiddenModules(),
    ]);
    if (phone !== undefined) {
      await this.store.load(phone);
      this.inboundFaults.resume();
    }
    socket.logout = () => this.logout();
    socket.reconnect = () => this.connection.reconnect();
    socket.takeover = () => {
      socket.state = 'OPENING';
      this.connection.open();
    };
    this.connection.open();
  }

  send(frame: PageFrame): boolean {
    return this.connection.send(frame);
  }

  private sayHello(): void {
    const unsent = this.store.people.isLoggedIn ? this.outbound.unsent() : [];
    this.send({
      t: 'hello',
      publicKeys: this.keys.publicKeys(),
      unsent,
      ...(this.login === undefined ? {} : { loginId: this.login.loginId, secret: this.login.secret }),
    });
    for (const name of this.missing.splice(0)) this.send({ t: 'missing', name });
  }

  /** Frames are handled one after the other, in the order they came. */
  private queue(frame: NetworkFrame): void {
    this.frames = this.frames.then(() => this.handle(frame));
  }

  private async handle(frame: NetworkFrame): Promise<void> {
    switch (frame.t) {
      case 'ref':
        conn.set({ ref: frame.ref });
        stream.mode = 'QR';
        socket.state = 'UNPAIRED';
        break;
      case 'qrIdle':
        socket.state = 'UNPAIRED_IDLE';
        break;
      case 'paired':
        await this.paired({ loginId: frame.loginId, secret: frame.secret, phone: frame.phone });
        break;
      case 'welcome':
        await this.welcomed(frame);
        break;
      case 'offlineEnd':
        await this.synced();
        break;
      case 'revoked':
        await this.forgetLogin(50);
        break;
      case 'reload':
        location.reload();
        break;
      case 'forget':
        await this.inbound.drained();
        await this.store.forget(frame.chat, frame.keep);
        break;
      case 'state':
        if (CLOSED_STATES.includes(frame.state)) this.connection.stop();
        socket.state = frame.state;
        break;
      case 'call':
        this.store.showPeople([frame.call.from]);
        if (frame.call.group !== undefined) this.store.showGroup(frame.call.group);
        ring(frame.call, this.store.people);
        break;
      case 'items':
        this.inbound.push(frame.items);
        break;
      case 'faults':
        this.faults.replace(frame.faults);
        break;
      case 'reply':
        // The connection has matched it to its request already.
        break;
    }
  }

  private async paired(login: StoredLogin): Promise<void> {
    this.fresh = true;
    this.login = login;
    this.keys.writeLogin(login);
    await this.db.writeLogin(login);
    socket.state = 'PAIRING';
  }

  private async welcomed(frame: Extract<NetworkFrame, { t: 'welcome' }>): Promise<void> {
    const { people } = this.store;
    people.setMe(frame.me);
    this.store.showPeople([frame.me, ...frame.people]);
    for (const group of frame.groups) this.store.showGroup(group);
    const members = frame.groups.flatMap((group) => group.members);
    await this.store.save({ people: [frame.me, ...frame.people, ...members], groups: frame.groups });
    conn.set({ wid: people.phoneWid(frame.me) ?? people.lidWid(frame.me), pushname: frame.me.name });
    this.handed = frame.handed;
    socket.set({ hasSynced: false }, { silent: true });
    stream.mode = 'SYNCING';
    this.connection.succeeded();
    if (this.fresh || !is2026) socket.state = 'CONNECTED';
    this.faults.replace(frame.faults);
  }

  private handed: string[] = [];

  /**
   * Everything that was queued is here. On a first link, and always in the classic build, the end of the sync is
   * an event that somebody can wait for; on a warm start of the 2026-09 build it is a fact before the socket says
   * it is connected.
   */
  private async synced(): Promise<void> {
    await this.inbound.drained();
    this.outbound.resume(this.handed);
    if (this.faults.has('syncNever')) {
      socket.state = 'CONNECTED';
      return;
    }
    const late = this.faults.take('syncLateMs');
    // Nobody waits for it: what comes in meanwhile is shown as ever.
    if (late !== undefined) setTimeout(() => this.reportSync(), late.ms ?? 3_000);
    else {
      if (this.fresh || !is2026) await listenerFor('change:hasSynced');
      this.reportSync();
    }
  }

  private reportSync(): void {
    this.fresh = false;
    stream.set({ mode: 'MAIN', info: 'NORMAL', displayInfo: 'NORMAL' });
    cmd.trigger('offline_progress_update_from_bridge');
    socket.hasSynced = true;
    socket.state = 'CONNECTED';
    if (this.faults.take('syncTwice') !== undefined) {
      setTimeout(() => {
        socket.set({ hasSynced: false }, { silent: true });
        socket.hasSynced = true;
      }, 60);
    }
  }

  private lost(): void {
    if (this.login === undefined || CLOSED_STATES.includes(socket.state)) return;
    stream.mode = 'OFFLINE';
    socket.state = 'OPENING';
  }

  private async logout(): Promise<void> {
    await this.connection.request({ name: 'logout' });
    await this.forgetLogin(1_000);
  }

  /** The login is gone: forget everything and, after a moment, start again with a QR. */
  private async forgetLogin(navigateAfterMs: number): Promise<void> {
    if (this.login === undefined) return;
    this.login = undefined;
    this.connection.stop();
    this.keys.clear();
    await this.db.clear();
    socket.set({ state: 'UNPAIRED', hasSynced: false }, { silent: true });
    cmd.trigger('logout_from_bridge');
    setTimeout(() => location.replace('/?post_logout=1&logout_reason=0'), navigateAfterMs);
  }
}

async function listenerFor(event: string): Promise<void> {
  const deadline = performance.now() + LISTENER_WAIT_MS;
  while (!socket.hasListener(event) && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
