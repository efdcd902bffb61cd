import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { NodeFact } from '#contracts';
import { ALEX, at, SAM } from './change-facts.js';
import { chatWith, named, textFrom } from './inbound.js';
import { InboundSession } from './inbound-session.js';
import { incoming, Messaging, OWN_PHONE } from './messaging.js';

let messaging: Messaging;
let own: InboundSession;

beforeAll(async () => {
  messaging = await Messaging.start();
});
afterAll(() => messaging?.close());
beforeEach(async () => {
  own = await InboundSession.connect(messaging);
});

describe('what is told', () => {
  it('of a message that can be read late: that it cannot, then what it says', async () => {
    await own.report(textFrom(ALEX, 'both', 'I1', { content: { type: 'undecryptable' } }));
    await own.report(textFrom(ALEX, 'both', 'I1', { content: { type: 'undecryptable' } }));
    await own.report(textFrom(ALEX, 'both', 'I1'), textFrom(ALEX, 'both', 'I1'));
    await own.report(textFrom(ALEX, 'both', 'I1', { content: { type: 'undecryptable' } }));
    expect(await own.only()).toMatchObject({ type: 'text', text: 'Text of I1' });
    expect((await own.told()).map(({ type, data }) => [type, data.text])).toEqual([
      ['message.undecryptable', null],
      ['message.received', 'Text of I1'],
    ]);
  });

  it('of a message from the phone: once, with where it came from', async () => {
    const author = named({ phone: OWN_PHONE, lid: '' }, 'phone');
    const changes = { waKey: `true_${ALEX.phone}@c.us_J1`, fromMe: true, author, ack: 1 };
    await own.report(incoming('J1', changes), incoming('J1', changes));
    expect(await own.only()).toMatchObject({ origin: 'phone', direction: 'out' });
    expect((await own.told()).map(({ type }) => type)).toEqual(['message.from_phone']);
  });

  it('of a gap: once, and again when it turns out smaller', async () => {
    const gap = (to: number): NodeFact => ({
      kind: 'gap',
      chat: chatWith(ALEX, 'both'),
      from: at(1),
      to: at(to),
    });
    await own.report(gap(9), gap(9));
    await own.report(gap(9), gap(5));
    await own.report(gap(7));
    const chat = await own.tenant.client.get<{ gaps: unknown[] }>(`/chats/${ALEX.phone}`);
    expect(chat.body.gaps).toEqual([{ from: at(1), to: at(5) }]);
    const events = await own.told('chat.gap');
    expect(events.map(({ data }) => new Date(String(data.to)).toISOString())).toEqual([at(9), at(5)]);
  });

  it('of a name: only when it is another', async () => {
    await own.report(textFrom(ALEX, 'both', 'K1', { author: named(ALEX, 'both', 'Alex') }));
    await own.report(textFrom(ALEX, 'both', 'K2', { author: named(ALEX, 'both', 'Alex') }));
    await own.report({ kind: 'contacts', contacts: [named(ALEX, 'both', 'Alexandra')] });
    await own.report({
      kind: 'contacts',
      contacts: [named(ALEX, 'both', 'Alexandra'), named(SAM, 'both', 'Sam')],
    });
    const events = await own.told('contact.');
    expect(events.map(({ data }) => data)).toMatchObject([
      { contact: { name: 'Alexandra' }, mergedId: null },
    ]);
    expect(await own.told('chat.')).toEqual([]);
  });
});

describe('what could not be taken in', () => {
  it('is counted in the diagnostics, per link, never with its content', async () => {
    const counts = (no_key: number, unreadable = 0) => ({ no_key, unreadable, refused: 0 });
    await own.report({ kind: 'quarantine', since: at(1), counts: counts(3) });
    await own.report({ kind: 'quarantine', since: at(1), counts: counts(2, 1) });
    await own.report({ kind: 'quarantine', since: at(0), counts: counts(9) });
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
      (await own.tenant.client.get<{ quarantine: unknown }>(`/sessions/${own.session.id}/diagnostics`)).body
        .quarantine;
    expect(await read()).toEqual({ since: at(1), noKey: 3, unreadable: 1, refused: 0, notStored: 0 });
    await own.report({ kind: 'quarantine', since: at(2), counts: counts(0) });
    expect(await read()).toEqual({ since: at(2), noKey: 0, unreadable: 0, refused: 0, notStored: 0 });
  });
});
