import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NodeFact } from '#contracts';
import type { MessageResource } from '../src/messages/message-resource.js';
import type { TestTenant } from '../../../test/support/start-api.js';
import { waitFor } from '../../../test/support/index.js';
import { ALEX, handed, incoming, Messaging, statusOf } from './messaging.js';

/** One after the other, while the rows of another session are held. */
const SENT_BESIDE = 8;

let messaging: Messaging;

beforeAll(async () => {
  messaging = await Messaging.start();
});
afterAll(async () => {
  await messaging?.close();
});

const CHATS = Array.from({ length: 4 }, (_, i) => `491511234567${String(i)}`);

function person(phone: string) {
  return { id: `${phone}@c.us`, phone, lid: null, name: 'Someone' };
}

/** What a busy session reports in one go: its chats, something new in each, and an ack of each of ours. */
function reportOf(round: number, ours: ReadonlyMap<string, string>): NodeFact[] {
  const at = new Date().toISOString();
  const acks = [...ours].map(([waMessageId, chatId]): NodeFact => {
    const waKey = `true_${chatId}_${waMessageId}`;
    return { kind: 'message.ack', waKey, waMessageId, chatId, ack: 2, at };
  });
  const fresh = CHATS.map((phone, i) => {
    const waMessageId = `3A${String(round).padStart(8, '0')}${String(i)}`;
    const chat = { ...person(phone), kind: 'person' as const };
    return incoming(waMessageId, {
      waKey: `false_${phone}@c.us_${waMessageId}`,
      chat,
      author: person(phone),
      timestamp: at,
    });
  });
  const chats = [...CHATS].reverse().map((phone) => ({ ...person(phone), kind: 'person' as const }));
  return [{ kind: 'chats', chats }, ...fresh, ...acks];
}

describe('what is sent and what comes in at the same moment, in the same chats', () => {
  it('wait for each other in one order: no transaction is rolled back for another', async () => {
    const ours = new Map<string, string>();
    messaging.node.scripts['message.send'] = (request) => {
      ours.set(request.waMessageId, request.chatId);
      return handed(request, 1);
    };
    const { tenant, session } = await messaging.connect();
    const { database } = messaging.api;
    const before = database.repeatCount;
    let isSending = true;
    const reporting = (async () => {
      for (let round = 0; isSending; round += 1) {
        const own = new Map([...ours].slice(-40));
        await messaging.report(session.id, ...reportOf(round, own));
      }
    })();
    const ids: string[] = [];
    for (let round = 0; round < 12; round += 1) {
      const batch = Array.from({ length: 20 }, (_, i) =>
        tenant.client.post<MessageResource>('/messages', {
          to: CHATS[(round + i) % CHATS.length],
          type: 'text',
          text: 'Hi',
        }),
      );
      for (const { status, body } of await Promise.all(batch)) {
        expect(status).toBe(202);
        ids.push(body.id);
      }
    }
    for (const id of ids.slice(-8)) {
      const { status } = await statusOfAny(id);
      expect(['sent', 'delivered']).toContain(status);
    }
    isSending = false;
    await reporting;
    expect(database.repeatCount - before).toBe(0);

    async function statusOfAny(id: string): Promise<MessageResource> {
      return Promise.race([statusOf(tenant, id, 'sent'), statusOf(tenant, id, 'delivered')]);
    }
  });
});

describe('sessions whose messages others hold locked', () => {
  it('do not hold up the results of another one', async () => {
    const held = [await messaging.connect(), await messaging.connect()];
    const free = await messaging.connect();
    let answer = () => {};
    const answered = new Promise<void>((resolve) => (answer = resolve));
    messaging.node.scripts['message.send'] = async (request) => {
      await answered;
      return handed(request, 1);
    };
    const body = { to: ALEX, type: 'text', text: 'Hi' };
    const send = async ({ client }: TestTenant, changes: object = {}) =>
      (await client.post<MessageResource>('/messages', { ...body, ...changes })).body.id;
    const locked: string[] = [];
    for (const { tenant } of held) locked.push(await send(tenant));
    const ids = [...locked, await send(free.tenant)];
    const isOurs = ({ messageId }: Record<string, unknown>) => ids.includes(String(messageId));
    await waitFor(() => messaging.node.callsOf('message.send').filter(isOurs).length === ids.length, {
      what: 'all to be called',
    });
    const later: string[] = [];
    await messaging.api.database.workerSql(async (query) => {
      await query('SELECT FROM messages WHERE id = ANY ($1) FOR UPDATE', [locked]);
      answer();
      await statusOf(free.tenant, ids.at(-1) ?? '', 'sent');
      for (const { tenant } of held) {
        const id = await send(tenant, { to: CHATS[0] });
        later.push(id);
        await statusOf(tenant, id, 'sending');
      }
      for (let i = 0; i < SENT_BESIDE; i += 1) {
        await statusOf(free.tenant, await send(free.tenant), 'sent');
        // A transaction that is idle for too long is ended by the database.
        await query('SELECT');
      }
      for (const [i, { tenant }] of held.entries()) {
        for (const id of [locked[i], later[i]]) {
          expect((await tenant.client.get<MessageResource>(`/messages/${String(id)}`)).body.status).toBe(
            'sending',
          );
        }
      }
      // A group of several sessions waits for a locked one once: then that is written apart.
      expect(failedGroups()).toBeLessThanOrEqual(held.length);
    });
    for (const [i, { tenant }] of held.entries()) {
      for (const id of [locked[i], later[i]]) await statusOf(tenant, String(id), 'sent');
    }
  });

  function failedGroups(): number {
    const isOne = ({ msg, sessions }: Record<string, unknown>) =>
      msg === 'results of sends were not written' && Number(sessions) > 1;
    return messaging.api.logged.filter(isOne).length;
  }
});
