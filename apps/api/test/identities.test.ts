import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Clock } from '#kernel';
import type { TestTenant } from '../../../test/support/start-api.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { allMessages, chatWith, eventsOf, named, pairOf, targetIn, textFrom, type Two } from './inbound.js';
import { Messaging } from './messaging.js';
import { expectProblem, type PageBody, type SessionBody } from './session-bodies.js';

const ALEX: Two = { phone: '4915112345678', lid: '83746582910374@lid' };
const GROUP = { id: '120363041234567890@g.us', kind: 'group' as const, name: 'Team', phone: null, lid: null };

interface Named {
  id: string;
  waId: string;
  phone: string | null;
  lid: string | null;
  name: string | null;
}
type Chat = Named & {
  lastMessageId: string | null;
  lastMessageAt: string | null;
  gaps: { from: string; to: string }[];
};

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

async function listOf<T>(path: string): Promise<T[]> {
  const { status, body } = await tenant.client.get<PageBody<T>>(path);
  expect({ path, status }).toEqual({ path, status: 200 });
  return body.data;
}

const idsOf = (messages: { waMessageId: string | null }[]) => messages.map((one) => one.waMessageId).sort();

describe('a person with two ids', () => {
  it('who wrote under each before the pair was known has one chat and one contact, with everything in it', async () => {
    await messaging.report(
      session.id,
      textFrom(ALEX, 'phone', 'P1', { timestamp: '2026-01-01T10:00:00.000Z' }),
    );
    await messaging.report(
      session.id,
      textFrom(ALEX, 'lid', 'L1', {
        timestamp: '2026-01-01T11:00:00.000Z',
        author: named(ALEX, 'lid', 'Alex'),
      }),
      textFrom(ALEX, 'lid', 'G1', { chat: GROUP, waKey: `false_${GROUP.id}_G1_${ALEX.lid}` }),
      {
        kind: 'gap',
        chat: chatWith(ALEX, 'lid'),
        from: '2025-12-01T00:00:00.000Z',
        to: '2025-12-02T00:00:00.000Z',
      },
    );
    expect(await listOf<Chat>('/chats?kind=person')).toHaveLength(2);
    const gone = await tenant.client.get<Chat>(`/chats/${ALEX.lid}`);
    const goneContact = await tenant.client.get<Named>(`/contacts/${ALEX.lid}`);

    await messaging.report(session.id, pairOf(ALEX));

    const [chat, ...others] = await listOf<Chat>('/chats?kind=person');
    expect(others).toEqual([]);
    const messages = await allMessages(tenant, '/messages');
    expect(chat).toMatchObject({
      ...{ waId: `${ALEX.phone}@c.us`, phone: ALEX.phone, lid: ALEX.lid },
      ...{ lastMessageAt: '2026-01-01T11:00:00.000Z' },
      lastMessageId: messages.find(({ waMessageId }) => waMessageId === 'L1')?.id,
      gaps: [{ from: '2025-12-01T00:00:00.000Z', to: '2025-12-02T00:00:00.000Z' }],
    });
    const contacts = await listOf<Named>('/contacts');
    expect(contacts).toMatchObject([{ phone: ALEX.phone, lid: ALEX.lid, name: 'Alex' }]);
    const person = { id: `${ALEX.phone}@c.us`, phone: ALEX.phone, lid: ALEX.lid };
    for (const one of messages) expect(one).toMatchObject({ from: person });
    // The ids of what was merged go on to work.
    expect((await tenant.client.get<Chat>(`/chats/${gone.body.id}`)).body.id).toBe(chat?.id);
    expect((await tenant.client.get<Named>(`/contacts/${goneContact.body.id}`)).body.id).toBe(
      contacts[0]?.id,
    );
  });

  it('is found under the number and the LID: chat, contact, messages, author', async () => {
    await messaging.report(session.id, textFrom(ALEX, 'lid', 'A1'), textFrom(ALEX, 'both', 'A2'));
    await messaging.report(session.id, textFrom(ALEX, 'lid', 'A3'), textFrom(ALEX, 'phone', 'A4'));
    const groupKey = `false_${GROUP.id}_G1_${ALEX.lid}`;
    await messaging.report(session.id, textFrom(ALEX, 'lid', 'G1', { chat: GROUP, waKey: groupKey }));
    const [chat] = await listOf<Chat>('/chats?kind=person');
    for (const form of [ALEX.lid, ALEX.phone, `+${ALEX.phone}`, `${ALEX.phone}@c.us`, chat?.id ?? '']) {
      const name = encodeURIComponent(form);
      expect((await tenant.client.get<Chat>(`/chats/${name}`)).body.id).toBe(chat?.id);
      const expected = ['A1', 'A2', 'A3', 'A4'];
      expect(idsOf(await allMessages(tenant, `/chats/${name}/messages`))).toEqual(expected);
      expect(idsOf(await allMessages(tenant, `/messages?chat=${name}`))).toEqual(expected);
      expect(idsOf(await allMessages(tenant, `/messages?chat=${name}&session=${session.id}`))).toEqual(
        expected,
      );
      if (form.startsWith('cht_')) continue;
      expect((await tenant.client.get<Named>(`/contacts/${name}`)).body).toMatchObject({ lid: ALEX.lid });
      expect(idsOf(await allMessages(tenant, `/messages?author=${name}`))).toEqual([...expected, 'G1']);
    }
    expectProblem(await tenant.client.get('/chats/nobody'), 404, 'not_found');
    expectProblem(await tenant.client.get('/chats/999999999@lid/messages'), 404, 'not_found');
    expectProblem(await tenant.client.get('/messages?author=nobody'), 422, 'invalid_recipient');
  });

  it('gets what is sent to either id in the one chat, also what waited when the pair was learned', async () => {
    const send = (to: string) =>
      tenant.client.post<MessageResource>('/messages', { session: session.id, to, type: 'text', text: 'Hi' });
    // The session is not connected to anything that sends, so both stay in the queue.
    await messaging.report(session.id, textFrom(ALEX, 'lid', 'A1'));
    const early = await send(ALEX.lid);
    expect(early.body.chat.id).toBe(ALEX.lid);
    await messaging.report(session.id, pairOf(ALEX));
    const late = await send(ALEX.lid);
    const number = await send(`+${ALEX.phone}`);
    expect([late.body.chat.id, number.body.chat.id]).toEqual([`${ALEX.phone}@c.us`, `${ALEX.phone}@c.us`]);
    const sent = [early, late, number].map(({ body }) => body.id);
    const found = await allMessages(tenant, `/messages?chat=${ALEX.phone}`);
    expect(found.map(({ id }) => id)).toEqual(expect.arrayContaining(sent));
    expect(found).toHaveLength(4);
  });

  it('is one message when it is reported under each id before the pair is known', async () => {
    await messaging.report(session.id, textFrom(ALEX, 'phone', 'B1'));
    await messaging.report(session.id, textFrom(ALEX, 'lid', 'B1'), textFrom(ALEX, 'lid', 'B2'));
    await messaging.report(session.id, textFrom(ALEX, 'phone', 'B2'));
    await messaging.report(
      session.id,
      pairOf(ALEX),
      textFrom(ALEX, 'both', 'B1'),
      textFrom(ALEX, 'lid', 'B2'),
    );
    expect(idsOf(await allMessages(tenant, '/messages'))).toEqual(['B1', 'B2']);
    const told = await eventsOf(messaging.api, tenant.tenantId, 'message.received');
    expect(told.map(({ data }) => data.waMessageId).sort()).toEqual(['B1', 'B2']);
  });

  it('keeps the newer of two reactions', async () => {
    const chat = chatWith(ALEX, 'both');
    await messaging.report(session.id, textFrom(ALEX, 'phone', 'C1'));
    const react = (by: 'lid' | 'phone', emoji: string, at: string) => ({
      kind: 'message.reactions' as const,
      target: targetIn(chatWith(ALEX, 'phone'), 'C1'),
      reactions: [{ sender: named(ALEX, by), fromMe: false, emoji, at }],
      wholeAt: null,
    });
    await messaging.report(session.id, react('lid', '🎉', '2026-01-01T10:02:00.000Z'));
    await messaging.report(session.id, react('phone', '👍', '2026-01-01T10:01:00.000Z'));
    await messaging.report(session.id, pairOf(ALEX));
    const [message] = await allMessages(tenant, `/messages?chat=${ALEX.lid}`);
    expect(message?.reactions).toEqual([
      {
        from: { id: chat.id, phone: ALEX.phone, lid: ALEX.lid, name: null },
        emoji: '🎉',
        at: '2026-01-01T10:02:00.000Z',
      },
    ]);
  });

  it('is told of once, however often the pair is reported', async () => {
    await messaging.report(session.id, textFrom(ALEX, 'phone', 'D1'), textFrom(ALEX, 'lid', 'D2'));
    for (let i = 0; i < 3; i += 1)
      await messaging.report(session.id, pairOf(ALEX), textFrom(ALEX, 'both', 'D1'));
    const told = [
      ...(await eventsOf(messaging.api, tenant.tenantId, 'chat.')),
      ...(await eventsOf(messaging.api, tenant.tenantId, 'contact.')),
    ];
    expect(told.map(({ type }) => type).sort()).toEqual(['chat.updated', 'contact.updated']);
    expect(told[0]?.data).toMatchObject({
      chat: { lid: ALEX.lid },
      mergedId: expect.stringMatching(/^cht_/) as unknown,
    });
  });

  it('whose number goes to someone else: the pair that is reported later holds, history stays', async () => {
    const next: Two = { phone: ALEX.phone, lid: '55555555555555@lid' };
    await messaging.report(session.id, textFrom(ALEX, 'both', 'E1'));
    await messaging.report(session.id, pairOf(next), textFrom(next, 'lid', 'E2'));
    expect(idsOf(await allMessages(tenant, `/messages?chat=${next.lid}`))).toEqual(['E1', 'E2']);
    const moved: Two = { phone: '4915187654399', lid: next.lid };
    await messaging.report(session.id, pairOf(moved), textFrom(moved, 'lid', 'E3'));
    expect(idsOf(await allMessages(tenant, `/messages?chat=${moved.lid}`))).toEqual(['E3']);
    expect(idsOf(await allMessages(tenant, `/messages?chat=${ALEX.phone}`))).toEqual(['E1', 'E2']);
  });

  it('is not found by another tenant, nor joined with what that one has', async () => {
    const other = await messaging.connect();
    await messaging.report(other.session.id, textFrom(ALEX, 'lid', 'F1'));
    await messaging.report(session.id, textFrom(ALEX, 'both', 'F2'));
    const chats = (await other.tenant.client.get<PageBody<Chat>>('/chats')).body.data;
    expect(chats).toMatchObject([{ waId: ALEX.lid, phone: null }]);
    expectProblem(await other.tenant.client.get(`/chats/${ALEX.phone}`), 404, 'not_found');
  });

  it('whom several sessions know is asked for with a session', async () => {
    const second = await messaging.connect(tenant);
    await messaging.report(session.id, textFrom(ALEX, 'both', 'H1'));
    await messaging.report(second.session.id, textFrom(ALEX, 'both', 'H2'));
    expectProblem(await tenant.client.get(`/chats/${ALEX.phone}`), 409, 'session_required');
    expectProblem(await tenant.client.get(`/contacts/${ALEX.lid}`), 409, 'session_required');
    const path = `/chats/${ALEX.lid}/messages?session=${second.session.id}`;
    expect(idsOf(await allMessages(tenant, path))).toEqual(['H2']);
  });
});

describe('learning who is who', () => {
  it.each(['query_canceled', 'lock_not_available'])(
    'does not hold back what came in while it takes too long, is not tried with every fact, and is caught up with: %s',
    async (condition) => {
      const owner = new pg.Client(messaging.api.config.DATABASE_OWNER_URL);
      await owner.connect();
      const named = `'wagate_learn_identities(text,text,text[],text[])'::regprocedure`;
      const { rows } = await owner.query<{ source: string }>(`SELECT pg_get_functiondef(${named}) AS source`);
      const source = rows[0]?.source ?? '';
      await owner.query(
        source.replace(
          /AS \$function\$[^]*\$function\$/,
          `AS $function$ BEGIN RAISE ${condition}; END $function$`,
        ),
      );
      await messaging.report(session.id, textFrom(ALEX, 'lid', 'T1'), textFrom(ALEX, 'both', 'T2'));
      expect(idsOf(await allMessages(tenant, '/messages'))).toEqual(['T1', 'T2']);
      await owner.query(source);
      await owner.end();
      await messaging.report(session.id, textFrom(ALEX, 'both', 'T3'));
      const notLearned = messaging.api.logged.filter(
        ({ msg, sessionId }) => msg === 'identities were not learned' && sessionId === session.id,
      );
      expect(notLearned).toHaveLength(1);
      expect(idsOf(await allMessages(tenant, `/messages?chat=${ALEX.lid}`))).toEqual(['T1']);
      const clock = messaging.api.app.get(Clock, { strict: false });
      const later = vi.spyOn(clock, 'monotonicMs').mockImplementation(() => performance.now() + 300_000);
      try {
        await messaging.report(session.id, textFrom(ALEX, 'both', 'T4'));
      } finally {
        later.mockRestore();
      }
      expect(idsOf(await allMessages(tenant, `/messages?chat=${ALEX.lid}`))).toEqual([
        'T1',
        'T2',
        'T3',
        'T4',
      ]);
    },
  );

  it('neither loses messages that are sent meanwhile nor waits for ever: every one ends in the chat of the phone', async () => {
    const people = Array.from({ length: 20 }, (_, i): Two => ({
      phone: `49151000${String(10000 + i)}`,
      lid: `9000000${String(1000 + i)}@lid`,
    }));
    const second = await messaging.connect(tenant);
    const sessions = [session.id, second.session.id];
    const sends = people.flatMap(({ lid }) =>
      sessions.flatMap((id) =>
        ['1', '2', '3'].map((text) =>
          tenant.client.post<MessageResource>('/messages', { session: id, to: lid, type: 'text', text }),
        ),
      ),
    );
    const learns = people.flatMap((two) =>
      sessions.map((id) => messaging.report(id, textFrom(two, 'lid', `X${two.phone}`), pairOf(two))),
    );
    const [answers] = await Promise.all([Promise.all(sends), Promise.all(learns)]);
    expect(answers.map(({ status }) => status)).toEqual(sends.map(() => 202));
    for (const id of sessions) {
      const messages = await allMessages(tenant, `/messages?session=${id}`);
      expect(messages).toHaveLength(people.length * 4);
      expect(messages.filter(({ chat }) => chat.id?.endsWith('@lid'))).toEqual([]);
    }
  });
});
