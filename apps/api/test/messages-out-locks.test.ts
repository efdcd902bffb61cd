import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NodeFact } from '#contracts';
import type { MessageResource } from '../src/messages/message-resource.js';
import type { TestTenant } from '../../../test/support/start-api.js';
import { waitFor } from '../../../test/support/index.js';
import { ALEX, handed, incoming, Messaging, statusOf } from './messaging.js';

/** How long the database lets a transaction wait for a row. */
const LOCK_WAIT_MS = 5_000;
/** One after the other, while the rows of another session are held. */
const SENT_BESIDE = 12;

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

describe('a session whose messages others hold locked', () => {
  it('does not hold up the results of another one', async () => {
    const one = await messaging.connect();
    const other = await messaging.connect();
    let answer = () => {};
    const answered = new Promise<void>((resolve) => (answer = resolve));
    messaging.node.scripts['message.send'] = async (request) => {
      await answered;
      return handed(request, 1);
    };
    const body = { to: ALEX, type: 'text', text: 'Hi' };
    const send = async ({ client }: TestTenant, changes: object = {}) =>
      (await client.post<MessageResource>('/messages', { ...body, ...changes })).body.id;
    const locked = await send(one.tenant);
    const ids = [locked, await send(other.tenant)];
    await waitFor(
      () =>
        messaging.node.callsOf('message.send').filter((call) => ids.includes(String(call.messageId)))
          .length === 2,
      { what: 'both to be called' },
    );
    let later = '';
    await messaging.api.database.workerSql(async (query) => {
      await query('SELECT FROM messages WHERE id = $1 FOR UPDATE', [locked]);
      answer();
      await statusOf(other.tenant, ids[1] ?? '', 'sent');
      later = await send(one.tenant, { to: CHATS[0] });
      await statusOf(one.tenant, later, 'sending');
      const begunMs = performance.now();
      for (let i = 0; i < SENT_BESIDE; i += 1) {
        await statusOf(other.tenant, await send(other.tenant), 'sent');
      }
      expect(performance.now() - begunMs).toBeLessThan((SENT_BESIDE * LOCK_WAIT_MS) / 2);
      const { body: held } = await one.tenant.client.get<MessageResource>(`/messages/${later}`);
      expect(held.status).toBe('sending');
    });
    await statusOf(one.tenant, locked, 'sent');
    await statusOf(one.tenant, later, 'sent');
  });
});
