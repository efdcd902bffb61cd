import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { NodeFact } from '#contracts';
import type { TestTenant } from '../../../test/support/start-api.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { ALEX, at, SAM } from './change-facts.js';
import { allMessages, chatWith, eventsOf, named, textFrom } from './inbound.js';
import { incoming, Messaging, OWN_PHONE } from './messaging.js';
import type { SessionBody } from './session-bodies.js';

let messaging: Messaging;
let tenant: TestTenant;
let session: SessionBody;

beforeAll(async () => {
  messaging = await Messaging.start();
});
afterAll(async () => {
  await messaging?.close();
});
beforeEach(async () => {
  ({ tenant, session } = await messaging.connect());
});

const report = (...facts: NodeFact[]) => messaging.report(session.id, ...facts);
const told = (prefix = 'message.') => eventsOf(messaging.api, tenant.tenantId, prefix);

async function only(): Promise<MessageResource> {
  const messages = await allMessages(tenant, '/messages');
  expect(messages).toHaveLength(1);
  return messages[0]!;
}

describe('what is told', () => {
  it('of a message that can be read late: that it cannot, then what it says', async () => {
    await report(textFrom(ALEX, 'both', 'I1', { content: { type: 'undecryptable' } }));
    await report(textFrom(ALEX, 'both', 'I1', { content: { type: 'undecryptable' } }));
    await report(textFrom(ALEX, 'both', 'I1'), textFrom(ALEX, 'both', 'I1'));
    await report(textFrom(ALEX, 'both', 'I1', { content: { type: 'undecryptable' } }));
    expect(await only()).toMatchObject({ type: 'text', text: 'Text of I1' });
    expect((await told()).map(({ type, data }) => [type, data.text])).toEqual([
      ['message.undecryptable', null],
      ['message.received', 'Text of I1'],
    ]);
  });

  it('of a message from the phone: once, with where it came from', async () => {
    const author = named({ phone: OWN_PHONE, lid: '' }, 'phone');
    const changes = { waKey: `true_${ALEX.phone}@c.us_J1`, fromMe: true, author, ack: 1 };
    await report(incoming('J1', changes), incoming('J1', changes));
    expect(await only()).toMatchObject({ origin: 'phone', direction: 'out' });
    expect((await told()).map(({ type }) => type)).toEqual(['message.from_phone']);
  });

  it('of a gap: once, and again when it turns out smaller', async () => {
    const gap = (to: number): NodeFact => ({
      kind: 'gap',
      chat: chatWith(ALEX, 'both'),
      from: at(1),
      to: at(to),
    });
    await report(gap(9), gap(9));
    await report(gap(9), gap(5));
    await report(gap(7));
    const chat = await tenant.client.get<{ gaps: unknown[] }>(`/chats/${ALEX.phone}`);
    expect(chat.body.gaps).toEqual([{ from: at(1), to: at(5) }]);
    const events = await told('chat.gap');
    expect(events.map(({ data }) => new Date(String(data.to)).toISOString())).toEqual([at(9), at(5)]);
  });

  it('of a name: only when it is another', async () => {
    await report(textFrom(ALEX, 'both', 'K1', { author: named(ALEX, 'both', 'Alex') }));
    await report(textFrom(ALEX, 'both', 'K2', { author: named(ALEX, 'both', 'Alex') }));
    await report({ kind: 'contacts', contacts: [named(ALEX, 'both', 'Alexandra')] });
    await report({
      kind: 'contacts',
      contacts: [named(ALEX, 'both', 'Alexandra'), named(SAM, 'both', 'Sam')],
    });
    const events = await told('contact.');
    expect(events.map(({ data }) => data)).toMatchObject([
      { contact: { name: 'Alexandra' }, mergedId: null },
    ]);
    expect(await told('chat.')).toEqual([]);
  });
});

describe('what could not be taken in', () => {
  it('is counted in the diagnostics, per link, never with its content', async () => {
    const counts = (no_key: number, unreadable = 0) => ({ no_key, unreadable, refused: 0 });
    await report({ kind: 'quarantine', since: at(1), counts: counts(3) });
    await report({ kind: 'quarantine', since: at(1), counts: counts(2, 1) });
    await report({ kind: 'quarantine', since: at(0), counts: counts(9) });
    messaging.node.scripts['session.diagnostics'] = ({ sessionId }) => ({
      snapshot: messaging.node.sessions.get(sessionId)!.snapshot,
      ...{
        waVersion: null,
        shims: [],
        brokenContracts: [],
        lastProbe: null,
        lastInboundAt: null,
        lastAckAt: null,
      },
      ...{
        restartsLastHour: 0,
        browserPid: null,
        memoryBytes: null,
        sandbox: true,
        quarantinedEvents: 3,
        pendingEvents: 0,
      },
    });
    const read = async () =>
      (await tenant.client.get<{ quarantine: unknown }>(`/sessions/${session.id}/diagnostics`)).body
        .quarantine;
    expect(await read()).toEqual({ since: at(1), noKey: 3, unreadable: 1, refused: 0, notStored: 0 });
    await report({ kind: 'quarantine', since: at(2), counts: counts(0) });
    expect(await read()).toEqual({ since: at(2), noKey: 0, unreadable: 0, refused: 0, notStored: 0 });
  });
});
