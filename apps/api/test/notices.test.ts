import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { NodeFact, WaPerson } from '#contracts';
import { ToldFactPurge } from '../src/messages/recorder/told-fact-purge.js';
import { chatWith, named, targetIn, textFrom } from './inbound.js';
import { InboundSession } from './inbound-session.js';
import { Messaging, OWN_PHONE } from './messaging.js';

const ALEX = { phone: '4915112345678', lid: '86000000000001@lid' };
const BODO = { phone: '4915112345679', lid: '86000000000002@lid' };
const GROUP = { id: '120363000000000001@g.us', kind: 'group' as const, name: 'Team', phone: null, lid: null };
const agoMs = (ms: number) => new Date(Date.now() - ms).toISOString();
const DAY_MS = 86_400_000;
const AT = agoMs(3_600_000);
const LATER = agoMs(1_800_000);

let messaging: Messaging;
let own: InboundSession;

beforeAll(async () => {
  messaging = await Messaging.start();
});
afterAll(() => messaging?.close());
beforeEach(async () => {
  own = await InboundSession.connect(messaging);
});

const keys = async () => {
  const rows = await messaging.api.database.workerSql((query) =>
    query<{ key: Buffer }>('SELECT key FROM told_facts WHERE tenant_id = $1', [own.tenant.tenantId]),
  );
  return rows.map(({ key }) => key);
};

function call(changes: object = {}): NodeFact {
  const from = named(ALEX, 'phone', 'Alex');
  const chat = chatWith(ALEX, 'phone', 'Alex');
  return { kind: 'call', callId: 'C1', chat, from, isVideo: true, at: AT, ...changes };
}

function change(name: string, people: WaPerson[], changes: object = {}): NodeFact {
  return {
    kind: 'group.change',
    waMessageId: '3EB0AA',
    chat: GROUP,
    change: name,
    by: named(ALEX, 'phone', 'Alex'),
    people,
    value: null,
    at: AT,
    ...changes,
  };
}

function vote(choices: string[] | null, at: string, by: 'phone' | 'lid' | 'both' = 'phone'): NodeFact {
  const target = targetIn(chatWith(ALEX, 'phone'), '3EB0POLL');
  return { kind: 'poll.vote', target, voter: named(ALEX, by, 'Alex'), fromMe: false, choices, at };
}

const poll = () =>
  textFrom(ALEX, 'phone', '3EB0POLL', {
    content: { type: 'poll', question: 'Lunch?', choices: ['Yes', 'No'] },
  });

describe('call.received', () => {
  it('says who calls and how, once for a call however often and by however many reports it is told', async () => {
    await own.report(call(), call({ at: LATER }));
    await Promise.all([own.report(call({ at: LATER })), own.report(call())]);
    await own.report(call({ callId: 'C2', chat: GROUP, from: null, isVideo: false }));
    expect(await own.told('call.')).toEqual([
      {
        type: 'call.received',
        data: {
          callId: 'C1',
          chatId: `${ALEX.phone}@c.us`,
          from: named(ALEX, 'phone', 'Alex'),
          isVideo: true,
          isGroup: false,
          occurredAt: AT,
        },
      },
      {
        type: 'call.received',
        data: {
          callId: 'C2',
          chatId: GROUP.id,
          from: null,
          isVideo: false,
          isGroup: true,
          occurredAt: AT,
        },
      },
    ]);
  });
});

describe('group events', () => {
  it('tell who joined, who left and what was changed, each once', async () => {
    const me: WaPerson = { id: `${OWN_PHONE}@c.us`, phone: OWN_PHONE, lid: null, name: null };
    const facts = [
      change('add', [named(BODO, 'phone'), me]),
      change('remove', [named(BODO, 'phone')], { waMessageId: '3EB0BB' }),
      change('subject', [], { waMessageId: '3EB0CC', value: 'New name' }),
    ];
    await own.report(...facts);
    await own.report(...facts);
    const events = await own.told('group.');
    expect(events.map(({ type, data }) => [type, data.change, data.value])).toEqual([
      ['group.joined', 'add', null],
      ['group.left', 'remove', null],
      ['group.updated', 'subject', 'New name'],
    ]);
    expect(events[0]?.data).toMatchObject({
      chatId: GROUP.id,
      chat: GROUP,
      by: { phone: ALEX.phone },
      participants: [
        { phone: BODO.phone, isMe: false },
        { phone: OWN_PHONE, isMe: true },
      ],
      occurredAt: AT,
    });
  });
});

describe('poll.vote', () => {
  it('names the poll, the voter and all that they chose, and only what is later replaces it', async () => {
    await own.report(poll());
    await own.report(vote(['Yes'], AT), vote(['Yes'], AT));
    await own.report(vote(['No'], LATER), vote(['Yes'], AT));
    await own.report(vote([], agoMs(60_000)), vote(['No'], LATER));
    const events = await own.told('poll.');
    expect(events.map(({ data }) => data.choices)).toEqual([['Yes'], ['No'], []]);
    expect(events[0]?.data).toEqual({
      messageId: (await own.only()).id,
      waMessageId: '3EB0POLL',
      chatId: `${ALEX.phone}@c.us`,
      from: { id: `${ALEX.phone}@c.us`, name: 'Alex', fromMe: false },
      choices: ['Yes'],
      at: AT,
    });
  });

  it('knows a voter under both ids as one', async () => {
    await own.report(poll(), vote(['Yes'], AT, 'both'), vote(['Yes'], AT, 'lid'), vote(['Yes'], AT, 'phone'));
    expect(await own.told('poll.')).toHaveLength(1);
  });

  it('knows a voter as one who was known by the LID first', async () => {
    await own.report(vote(['Yes'], AT, 'lid'), vote(['No'], LATER, 'lid'));
    await own.report(vote(['No'], LATER, 'both'), vote(['Yes'], AT, 'both'));
    expect((await own.told('poll.')).map(({ data }) => data.choices)).toEqual([['Yes'], ['No']]);
  });

  it('is told with its choices when they become known, and then not without', async () => {
    await own.report(vote(null, AT));
    await own.report(vote(['Yes'], AT), vote(null, AT), vote(['Yes'], AT));
    expect((await own.told('poll.')).map(({ data }) => data.choices)).toEqual([null, ['Yes']]);
  });

  it('is told of a poll that is not stored, without its id', async () => {
    await own.report(vote(null, AT));
    expect((await own.told('poll.')).map(({ data }) => data)).toMatchObject([
      { messageId: null, choices: null },
    ]);
  });
});

it('forgets what was told long ago and does not tell it again, and nothing else', async () => {
  const old = call({ at: agoMs(70 * DAY_MS) });
  await own.report(call(), call({ callId: 'C3' }));
  await messaging.api.database.workerSql((query) =>
    query(`UPDATE told_facts SET at = at - interval '60 days' WHERE tenant_id = $1 AND key = $2`, [
      own.tenant.tenantId,
      createHash('sha256').update('["C1"]').digest(),
    ]),
  );
  await messaging.api.app.get(ToldFactPurge, { strict: false }).purge();
  await own.report(old, call({ callId: 'C3' }));
  expect((await own.told('call.')).map(({ data }) => data.callId)).toEqual(['C1', 'C3']);
  expect(await keys()).toHaveLength(1);
});

it('keeps digests only to know what was told', async () => {
  await own.report(call(), vote(['Yes'], AT), change('add', [named(BODO, 'phone')]));
  expect((await keys()).map((key) => key.length)).toEqual([32, 32, 32]);
});
