import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { NetworkFrame, WireMessage } from '../wire.js';
import { Network } from './network.js';

const ME = '12025550100';
const ANNA = '12025550101';
const KEYS = ['static', 'identity', 'adv', '1'];

/** A page reduced to its socket: what the network says to it, and its answers. */
class Page {
  readonly frames: NetworkFrame[] = [];
  readonly session;
  closed = false;

  constructor(readonly network: Network) {
    this.session = network.connect({
      send: (frame) => this.frames.push(frame),
      close: () => {
        this.closed = true;
        this.session.closed();
      },
    });
  }

  static linked(network: Network, phone: string): Page {
    const page = new Page(network);
    page.session.receive({ t: 'hello', publicKeys: KEYS, unsent: [] });
    network.scan(network.logins.listWaiting().at(-1)?.qr ?? '', phone);
    return page;
  }

  /** Another page of the same login, as after a restart. */
  again(network: Network = this.network, unsent: string[] = []): Page {
    const paired = this.last('paired');
    const page = new Page(network);
    const { loginId, secret } = paired;
    page.session.receive({ t: 'hello', publicKeys: KEYS, unsent, loginId, secret });
    page.frames.unshift(paired);
    return page;
  }

  last<T extends NetworkFrame['t']>(t: T): Extract<NetworkFrame, { t: T }> {
    const frame = this.frames.filter((candidate) => candidate.t === t).at(-1);
    if (frame === undefined) throw new Error(`the page never got a ${t} frame`);
    return frame as Extract<NetworkFrame, { t: T }>;
  }

  items() {
    return this.frames.flatMap((frame) => (frame.t === 'items' ? frame.items : []));
  }

  texts(): (string | undefined)[] {
    return this.items().flatMap(({ item }) => (item.kind === 'message' ? [item.message.body] : []));
  }

  acks(): number[] {
    return this.items().flatMap(({ item }) => (item.kind === 'ack' ? [item.ack] : []));
  }

  confirmAll(): void {
    this.session.receive({ t: 'confirm', seq: this.items().at(-1)?.seq ?? 0 });
  }

  send(id: string, to: string, body = 'text'): void {
    const message: WireMessage = { id, from: ME, to, timestamp: 1, type: 'chat', body };
    this.session.receive({ t: 'send', message });
  }
}

function text(network: Network, body: string, id?: string) {
  return network.conversation.sendFromPhone({
    from: ANNA,
    to: ME,
    type: 'text',
    body,
    ...(id ? { id } : {}),
  });
}

function seed(network: Network): Network {
  network.putAccount({ phone: ME, name: 'Me' });
  network.putAccount({ phone: ANNA, name: 'Anna' });
  return network;
}

describe('a network in memory', () => {
  let network: Network;

  beforeEach(() => {
    network = seed(new Network());
  });
  afterEach(() => network.close());

  test('queues for a login that is away, and never sends again what was confirmed', () => {
    const first = Page.linked(network, ME);
    text(network, 'one');
    first.confirmAll();
    text(network, 'two');
    first.session.closed();
    text(network, 'three');
    const second = first.again();
    expect(second.texts()).toEqual(['two', 'three']);
    expect(second.frames.at(-1)).toEqual({ t: 'offlineEnd' });
    second.confirmAll();
    second.session.closed();
    expect(second.again().texts()).toEqual([]);
  });

  test('counts every hand-over, and delivers once', () => {
    const me = Page.linked(network, ME);
    const anna = Page.linked(network, ANNA);
    me.send('3EB0A', ANNA, 'hello');
    me.send('3EB0A', ANNA, 'hello');
    expect(network.messages.find(ME, '3EB0A')?.handOvers).toBe(2);
    expect(anna.texts()).toEqual(['hello']);
  });

  test('tells a page which of its unsent messages it has', () => {
    const me = Page.linked(network, ME);
    me.send('3EB0A', ANNA);
    me.session.closed();
    expect(me.again(network, ['3EB0A', '3EB0B']).last('welcome').handed).toEqual(['3EB0A']);
  });

  test('acknowledges 1 at once, 2 when the recipient stored it, 3 when it was read', () => {
    const me = Page.linked(network, ME);
    const anna = Page.linked(network, ANNA);
    me.send('3EB0A', ANNA);
    expect(me.acks()).toEqual([1]);
    anna.confirmAll();
    expect(me.acks()).toEqual([1, 2]);
    anna.session.receive({ t: 'seen', chat: ME });
    expect(me.acks()).toEqual([1, 2, 3]);
  });

  test('personas read what is written in their groups, and stay silent there', async () => {
    network.putAccount({ phone: '12025550111', name: 'Echo', persona: 'echo' });
    const group = network.addGroup('Both', [ME, '12025550111']);
    const me = Page.linked(network, ME);
    me.send('3EB0A', group.id);
    await vi.waitFor(() => expect(me.acks()).toEqual([1, 2, 3]));
    expect(
      me.items().filter(({ item }) => item.kind === 'message' && item.message.from === '12025550111'),
    ).toEqual([]);
  });

  test('refuses what goes to nobody with ack -1', () => {
    const me = Page.linked(network, ME);
    me.send('3EB0A', '12025550199');
    expect(me.acks()).toEqual([1, -1]);
  });

  test('a page cannot send in another name', () => {
    const anna = Page.linked(network, ANNA);
    anna.send('3EB0A', ANNA);
    expect(network.messages.find(ME, '3EB0A')).toBeUndefined();
  });

  test('the same sender and id again is one message', () => {
    const me = Page.linked(network, ME);
    expect(text(network, 'one', 'ID1').duplicate).toBe(false);
    expect(text(network, 'two', 'ID1').duplicate).toBe(true);
    expect(me.texts()).toEqual(['one']);
  });

  test('a group message reaches every member but the sender', () => {
    const boris = network.putAccount({ phone: '12025550102', name: 'Boris' });
    const me = Page.linked(network, ME);
    const anna = Page.linked(network, ANNA);
    const group = network.addGroup('Friends', [ANNA, ME, boris.phone]);
    me.send('3EB0A', group.id, 'hi');
    expect(anna.texts()).toEqual(['hi']);
    expect(me.texts()).toEqual([]);
  });

  test('an expired QR, an unknown QR and a wrong pairing code are refused', () => {
    const page = new Page(network);
    page.session.receive({ t: 'hello', publicKeys: KEYS, unsent: [] });
    const [waiting] = network.logins.listWaiting();
    const old = waiting?.qr ?? '';
    waiting?.rotate();
    expect(() => network.scan(old, ME)).toThrow('expired');
    expect(() => network.pair('ABCD1234', ME)).toThrow('unknown');
    page.session.receive({ t: 'request', rid: 1, request: { name: 'pairingCode', phone: ME } });
    const code = page.last('reply').value as string;
    expect(() => network.pair(code, ANNA)).toThrow('another phone');
    expect(network.pair(`${code.slice(0, 4)}-${code.slice(4)}`, ME).phone).toBe(ME);
  });

  test('a removed login is told so at its next connect; nothing is queued for it', () => {
    const page = Page.linked(network, ME);
    page.session.closed();
    network.unlink(ME);
    text(network, 'too late');
    const again = page.again();
    expect(again.frames.at(-1)).toEqual({ t: 'revoked' });
    expect(again.texts()).toEqual([]);
  });

  test('a dropped login may not come back before its time', () => {
    const page = Page.linked(network, ME);
    network.drop(ME, 60_000);
    expect(page.closed).toBe(true);
    expect(page.again().closed).toBe(true);
  });

  test('a second page of a login takes over; the first is told of the conflict', () => {
    const first = Page.linked(network, ME);
    const second = first.again();
    expect(first.last('state').state).toBe('CONFLICT');
    expect(first.closed).toBe(true);
    text(network, 'for the second');
    expect(second.texts()).toEqual(['for the second']);
  });

  test('two personas do not talk to each other for ever', () => {
    for (const phone of ['12025550111', '12025550112'])
      network.putAccount({ phone, name: 'Echo', persona: 'echo' });
    network.conversation.sendFromPhone({
      from: '12025550111',
      to: '12025550112',
      type: 'text',
      body: 'hello',
    });
    expect(network.messages.list('phone', {})).toHaveLength(1);
  });
});

describe('a network with a state file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'simulator-network-'));
  const stateFile = join(directory, 'state.jsonl');
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test('keeps accounts, groups, links, messages, media and queues over restarts', () => {
    const first = seed(new Network({ stateFile }));
    const group = first.addGroup('Friends', [ANNA, ME]);
    const page = Page.linked(first, ME);
    const media = { bytes: Buffer.from('bytes'), mimetype: 'image/png' };
    first.conversation.sendFromPhone({ from: ANNA, to: ME, type: 'image', media });
    page.confirmAll();
    page.send('3EB0A', ANNA);
    text(first, 'not confirmed');
    first.close();

    const second = new Network({ stateFile });
    expect(second.accounts.list()).toEqual(first.accounts.list());
    expect(second.accounts.listGroups()).toEqual([group]);
    expect(second.messages.find(ME, '3EB0A')).toMatchObject({ handOvers: 1, ack: 1 });
    const [picture] = second.messages.list('phone', { from: ANNA });
    expect(second.media.find(picture?.message.media?.directPath ?? '')?.toString()).toBe('bytes');
    const again = page.again(second);
    expect(again.texts()).toEqual(['not confirmed']);
    expect(again.acks()).toEqual([1]);
    second.unlink(ME);
    second.close();

    const third = new Network({ stateFile });
    expect(page.again(third).frames.at(-1)).toEqual({ t: 'revoked' });
    third.close();
  });
});
