import { afterEach, describe, expect, it } from 'vitest';
import type { NodeFact, SessionAddress, SessionSnapshot, WaChat } from '#contracts';
import { newId } from '#kernel';
import { createLogger } from '#runtime';
import { FakeApi } from '../../test/support/fake-api.js';
import { waitFor } from '../../../../test/support/index.js';
import { ApiClient, ApiRefusal } from './api-client.js';
import { EventOutbox, type OutboxOptions } from './event-outbox.js';

const SECRET = 's'.repeat(32);
const tenantId = newId('tnt');
const addressOf = (): SessionAddress => ({ tenantId, sessionId: newId('ses'), epoch: 1 });

function ackFact(count: number): NodeFact {
  const waMessageId = `3EB0${String(count).padStart(18, '0')}`;
  const chatId = '4915112345678@c.us';
  const at = new Date().toISOString();
  return { kind: 'message.ack', waKey: `true_${chatId}_${waMessageId}`, waMessageId, chatId, ack: 1, at };
}

describe('EventOutbox', () => {
  let close: () => Promise<void> = () => Promise.resolve();
  afterEach(() => close());

  async function start(options: Partial<OutboxOptions> = {}): Promise<{ api: FakeApi; outbox: EventOutbox }> {
    const api = new FakeApi(SECRET);
    const client = new ApiClient(await api.start(), SECRET);
    const outbox = new EventOutbox({
      nodeName: 'node-1',
      post: (batch) => client.postEvents(batch),
      onStale: () => undefined,
      onRefused: () => undefined,
      epochOf: () => undefined,
      log: createLogger('test', 'silent'),
      ...options,
    });
    outbox.start();
    close = async () => {
      await outbox.stop(0);
      await api.stop();
    };
    return { api, outbox };
  }

  const received = (api: FakeApi, address: SessionAddress): string[] =>
    api.factsOf('message.ack', address.sessionId).map(({ waMessageId }) => waMessageId);

  it('delivers each session in order, over an outage, and says when all was taken', async () => {
    const { api, outbox } = await start();
    const addresses = [addressOf(), addressOf(), addressOf()];
    api.isUp = false;
    const facts = Array.from({ length: 700 }, (_, count) => ackFact(count));
    for (const fact of facts) for (const address of addresses) outbox.push(address, fact);
    const taken = new Promise<void>((resolve) => outbox.whenTaken(addresses[0]?.sessionId ?? '', resolve));
    await waitFor(() => outbox.totalPending === 2_100, { what: 'events to wait' });
    api.isUp = true;
    outbox.retryNow();
    await taken;
    await waitFor(() => outbox.totalPending === 0, { what: 'all to be taken' });
    const expected = facts.map((fact) => (fact.kind === 'message.ack' ? fact.waMessageId : ''));
    for (const address of addresses) expect(received(api, address)).toEqual(expected);
  });

  it('holds back a session that is full, and only that one', async () => {
    const { api, outbox } = await start({ maxPerSession: 3 });
    const [full, other] = [addressOf(), addressOf()];
    api.isUp = false;
    for (let count = 0; count < 3; count += 1) outbox.push(full, ackFact(count));
    let hasRoom = false;
    const room = outbox.room(full.sessionId, new AbortController().signal).then(() => {
      hasRoom = true;
    });
    await outbox.room(other.sessionId, new AbortController().signal);
    expect(hasRoom).toBe(false);
    await outbox.room(full.sessionId, AbortSignal.abort());
    api.isUp = true;
    outbox.retryNow();
    await room;
    expect(outbox.pending(full.sessionId)).toBe(0);
  });

  it('puts the one event that the api refuses aside before it counts as taken, and delivers all others', async () => {
    const bad = ackFact(77);
    const seen: string[] = [];
    const told: string[] = [];
    const { outbox } = await start({
      onRefused: ({ fact }) => told.push(waKeyOf(fact)),
      post: ({ events }) => {
        if (events.some(({ fact }) => fact.kind === 'message.ack' && fact.waKey === waKeyOf(bad))) {
          return Promise.reject(new ApiRefusal(422));
        }
        for (const { fact } of events) seen.push(waKeyOf(fact));
        return Promise.resolve({ staleSessions: [] });
      },
    });
    const address = addressOf();
    const facts = Array.from({ length: 200 }, (_, count) => ackFact(count));
    for (const fact of facts) outbox.push(address, fact);
    let refusedFirst = false;
    outbox.whenTaken(address.sessionId, () => {
      refusedFirst = told.length === 1;
    });
    await waitFor(() => outbox.totalPending === 0, { what: 'all to be settled' });
    expect(outbox.refusedEvents).toBe(1);
    expect(told).toEqual([waKeyOf(bad)]);
    expect(refusedFirst).toBe(true);
    expect(seen).toEqual(facts.map(waKeyOf).filter((key) => key !== waKeyOf(bad)));
  });

  it('delivers what comes after a refusal at once, also when the api was away before it', async () => {
    const answers = [() => new Error('away'), () => new ApiRefusal(422)];
    let posts = 0;
    const { outbox } = await start({
      post: () => {
        posts += 1;
        const failure = answers.shift();
        return failure ? Promise.reject(failure()) : Promise.resolve({ staleSessions: [] });
      },
    });
    const address = addressOf();
    outbox.push(address, ackFact(1));
    await waitFor(() => outbox.refusedEvents === 1, { what: 'the refusal' });
    outbox.push(address, ackFact(2));
    await waitFor(() => outbox.totalPending === 0, { what: 'the next event to be taken' });
    expect(posts).toBe(3);
  });

  it('lets the others go on beside a session of which everything is refused, and one that never ends', async () => {
    const [bad, busy, quiet] = [addressOf(), addressOf(), addressOf()];
    const big: NodeFact = { kind: 'chats', chats: [chatNamed('x'.repeat(300_000))] };
    let posts = 0;
    let seen = 0;
    const { outbox } = await start({
      post: ({ events }) => {
        posts += 1;
        if (events.some(({ sessionId }) => sessionId === bad.sessionId)) {
          return Promise.reject(new ApiRefusal(422));
        }
        for (const { sessionId } of events) {
          if (sessionId === quiet.sessionId) seen ||= posts;
          else if (posts < 200) outbox.push(busy, big);
        }
        return Promise.resolve({ staleSessions: [] });
      },
    });
    for (let count = 0; count < 4; count += 1) outbox.push(busy, big);
    for (let count = 0; count < 40; count += 1) outbox.push(bad, ackFact(count));
    outbox.push(quiet, ackFact(1));
    await waitFor(() => outbox.totalPending === 0, { what: 'all to be settled' });
    expect(outbox.refusedEvents).toBe(40);
    expect(seen).toBeLessThan(100);
  });

  it('passes on which sessions another epoch owns, and counts nothing of them as taken', async () => {
    const stale: object[] = [];
    const { api, outbox } = await start({ onStale: (found) => stale.push(...found) });
    const address = addressOf();
    let isTaken = false;
    api.staleSessions = [address.sessionId];
    outbox.push(address, ackFact(1));
    outbox.whenTaken(address.sessionId, () => {
      isTaken = true;
    });
    await waitFor(() => stale.length > 0, { what: 'the answer' });
    expect(stale).toEqual([{ sessionId: address.sessionId, epoch: undefined }]);
    expect(isTaken).toBe(false);
  });

  it('tells again under the epoch of now what was refused under one that is past', async () => {
    const address = addressOf();
    let epoch = 1;
    const sent: [number, string][] = [];
    let taken = 0;
    const { outbox } = await start({
      epochOf: () => epoch,
      post: ({ events }) => {
        sent.push(...events.map((event): [number, string] => [event.epoch, event.fact.kind]));
        const isStale = events.some((event) => event.epoch < 2);
        // The session is placed here anew while the answer is on its way.
        epoch = 2;
        return Promise.resolve({
          staleSessions: isStale ? [address.sessionId] : [],
          staleEpochs: isStale ? [1] : [],
        });
      },
    });
    outbox.push(address, ackFact(1));
    outbox.push(address, { kind: 'session.state', snapshot: STOPPED });
    outbox.push(address, ackFact(2));
    outbox.whenTaken(address.sessionId, () => (taken = sent.length));
    await waitFor(() => outbox.totalPending === 0, { what: 'all to be taken' });
    const first = ['message.ack', 'session.state', 'message.ack'].map((kind) => [1, kind]);
    expect(sent).toEqual([...first, [2, 'message.ack'], [2, 'message.ack']]);
    expect(taken).toBe(5);
  });

  it('counts nothing as taken of an epoch that is lost, also what comes later or waits', async () => {
    const address = addressOf();
    let epoch: number | undefined = 1;
    const called: string[] = [];
    const stale: object[] = [];
    const { api, outbox } = await start({ epochOf: () => epoch, onStale: (found) => stale.push(...found) });
    const whenTaken = (what: string) => outbox.whenTaken(address.sessionId, () => called.push(what));
    api.staleSessions = [address.sessionId];
    for (let count = 0; count < 600; count += 1) outbox.push(address, ackFact(count));
    whenTaken('waits');
    await waitFor(() => stale.length > 0, { what: 'the answer' });
    api.staleSessions = [];
    whenTaken('later');
    await waitFor(() => outbox.totalPending === 0, { what: 'the rest to be sent' });
    whenTaken('afterwards');
    expect(called).toEqual([]);
    epoch = 2;
    outbox.push({ ...address, epoch }, ackFact(1));
    whenTaken('placed anew');
    await waitFor(() => called.length > 0, { what: 'the new one to be taken' });
    expect(called).toEqual(['placed anew']);
  });

  it('tells what waited under the epoch that the session has by now, but a state under its own', async () => {
    const address = addressOf();
    const { api, outbox } = await start({ epochOf: () => 4 });
    outbox.push(address, { kind: 'session.state', snapshot: STOPPED });
    outbox.push(address, ackFact(1));
    await waitFor(() => api.events.length === 2, { what: 'both to arrive' });
    expect(api.events.map(({ epoch }) => epoch)).toEqual([1, 4]);
  });
});

function chatNamed(name: string): WaChat {
  return { id: '4915112345678@c.us', kind: 'person', name, phone: null, lid: null };
}

const STOPPED: SessionSnapshot = {
  state: 'stopped',
  reason: 'requested',
  action: 'start',
  detail: null,
  since: new Date().toISOString(),
  provenAt: null,
  me: null,
};

function waKeyOf(fact: NodeFact): string {
  return fact.kind === 'message.ack' ? fact.waKey : '';
}
