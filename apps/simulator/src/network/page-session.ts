import type { PageFrame, PageRequest } from '../wire.js';
import type { LinkedLogin, PageConnection } from './linked-login.js';
import type { Network } from './network.js';
import { Refusal, parsePhone } from './records.js';
import type { WaitingLogin } from './waiting-login.js';

/** The network's side of one page, from its hello until its connection closes. */
export class PageSession {
  private waiting: WaitingLogin | undefined;
  private login: LinkedLogin | undefined;

  constructor(
    private readonly network: Network,
    private readonly connection: PageConnection,
  ) {
    network.remember(connection, this);
  }

  receive(frame: PageFrame): void {
    switch (frame.t) {
      case 'hello':
        this.hello(frame);
        break;
      case 'missing':
        this.network.countMissing(frame.name);
        break;
      case 'request':
        this.reply(frame.rid, frame.request);
        break;
      case 'send':
        if (this.login?.record.phone === frame.message.from) {
          this.network.conversation.handOver(this.login, frame.message);
        }
        break;
      case 'confirm':
        if (this.login) this.network.conversation.confirmed(this.login, this.login.confirm(frame.seq));
        break;
      case 'seen':
        if (this.login) this.network.conversation.seen(this.login.record.phone, frame.chat);
        break;
      case 'chatState':
        if (this.login) this.network.chatStates.note(this.login.record.phone, frame.chat, frame.state);
        break;
    }
  }

  /** Somebody scanned this page's QR or entered its code. */
  linked(login: LinkedLogin): void {
    this.waiting = undefined;
    this.login = login;
    this.network.attach(login, this.connection, []);
  }

  closed(): void {
    if (this.waiting) this.network.logins.stopWaiting(this.waiting);
    this.login?.detach(this.connection);
    this.network.forget(this.connection);
  }

  private hello(frame: Extract<PageFrame, { t: 'hello' }>): void {
    if (frame.loginId === undefined) {
      this.waiting = this.network.logins.wait(this.connection, frame.publicKeys);
      return;
    }
    const login = this.network.logins.find(frame.loginId);
    if (login === undefined || login.record.revoked || login.record.secret !== frame.secret) {
      this.connection.send({ t: 'revoked' });
    } else if (Date.now() < login.refusedUntil) {
      this.connection.close();
    } else {
      this.login = login;
      this.network.attach(login, this.connection, frame.unsent);
    }
  }

  private reply(rid: number, request: PageRequest): void {
    try {
      this.connection.send({ t: 'reply', rid, value: this.answer(request) });
      // After the reply, because the page closes its connection when its login is gone.
      if (request.name === 'logout') this.login?.revoke();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { message, status } = error;
      this.connection.send({ t: 'reply', rid, error: { message, status } });
    }
  }

  private answer(request: PageRequest): unknown {
    const { network, login } = this;
    switch (request.name) {
      case 'exists': {
        const { accounts } = network;
        const found =
          request.server === 'lid' ? accounts.findByLid(request.user) : accounts.find(request.user);
        return found && accounts.person(found.phone);
      }
      case 'pairingCode':
        return this.waitingOrRefuse().startPairing(parsePhone(request.phone, 'phone'));
      case 'refreshQr':
        return this.waitingOrRefuse().rotate();
      case 'faultUsed':
        return network.faults.used(request.id);
      case 'logout':
        return undefined;
      case 'group': {
        const group = network.accounts.findGroup(request.id);
        return group && network.accounts.wireGroup(group);
      }
      case 'edit':
        return network.conversation.edit(request.key, request.body, login?.record.id);
      case 'revoke':
        return network.conversation.revoke(request.key, login?.record.id);
      case 'react':
        return login && network.conversation.react(request.key, login.record.phone, request.emoji);
    }
  }

  private waitingOrRefuse(): WaitingLogin {
    if (this.waiting === undefined) throw new Refusal(409, 'this page is already linked');
    return this.waiting;
  }
}
