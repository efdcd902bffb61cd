import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import type { TestTenant } from '../../../test/support/start-api.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { ALEX, handed, Messaging, messageWhen, statusOf } from './messaging.js';
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
  messaging.node.scripts['message.send'] = (request) => handed(request);
  ({ tenant, session } = await messaging.connect());
});

async function send(changes: object = {}, path = '/messages'): Promise<MessageResource> {
  const answer = await tenant.client.post<MessageResource>(path, {
    to: ALEX,
    type: 'text',
    text: 'Hi',
    ...changes,
  });
  expect(answer.status).toBe(202);
  return answer.body;
}

const sends = () => messaging.node.callsOf('message.send').filter((call) => call.sessionId === session.id);

describe('a message on its way out', () => {
  it('is accepted, handed over once under the id that was chosen, and climbs with its acks', async () => {
    const accepted = await tenant.client.post<MessageResource>('/messages', {
      to: `+${ALEX}`,
      type: 'text',
      text: 'Hi',
    });
    expect(accepted.status).toBe(202);
    expect(accepted.headers.get('location')).toBe(`/api/v1/messages/${accepted.body.id}`);
    expect(accepted.body).toMatchObject({
      session: { id: session.id, name: session.name },
      status: 'queued',
      direction: 'out',
      origin: 'api',
      type: 'text',
      text: 'Hi',
      chat: { id: `${ALEX}@c.us`, phone: ALEX, kind: 'person' },
    });
    const { id } = accepted.body;
    await waitFor(() => sends().length === 1, { what: 'the node to be called' });
    const [call] = sends();
    expect(call).toMatchObject({
      messageId: id,
      chatId: `${ALEX}@c.us`,
      content: { type: 'text', text: 'Hi' },
    });
    const waMessageId = String(call?.waMessageId);
    expect(waMessageId).toMatch(/^3EB0[0-9A-F]{18,22}$/);
    await messageWhen(tenant, id, 'ack 0', (message) => message.status === 'sending' && message.ack === 0);
    for (const [ack, status] of [
      [1, 'sent'],
      [3, 'read'],
      [2, 'read'],
      [-1, 'read'],
      [1, 'read'],
      [4, 'played'],
    ] as const) {
      await messaging.ack(session.id, waMessageId, ack);
      const { body } = await tenant.client.get<MessageResource>(`/messages/${id}`);
      expect(body.status).toBe(status);
    }
    const { body } = await tenant.client.get<MessageResource>(`/messages/${id}`);
    expect(body).toMatchObject({ ack: 4, waMessageId, attempts: 1, error: null });
    expect([body.sentAt, body.deliveredAt, body.readAt].every((at) => at !== null)).toBe(true);
    expect(sends()).toHaveLength(1);
  });

  it('is answered when it is that far, with wait', async () => {
    messaging.node.scripts['message.send'] = (request) => handed(request, 1);
    const sent = await tenant.client.post<MessageResource>('/messages/send-text?wait=sent', {
      recipient: ALEX,
      message: 'Hi',
    });
    expect(sent.status).toBe(200);
    expect(sent.body.status).toBe('sent');
  });
});

describe('the order of what leaves', () => {
  /** The node answers nothing until `open` is called. */
  function gate() {
    let open = () => {};
    const opened = new Promise<void>((resolve) => (open = resolve));
    return { open, opened };
  }

  it('is that of acceptance within a chat, one at a time, and four chats at once', async () => {
    const busy = new Set<string>();
    const left: string[] = [];
    let most = 0;
    const { open, opened } = gate();
    messaging.node.scripts['message.send'] = async (request) => {
      expect(busy.has(request.chatId)).toBe(false);
      busy.add(request.chatId);
      most = Math.max(most, busy.size);
      await opened;
      busy.delete(request.chatId);
      left.push(request.messageId);
      return handed(request, 1);
    };
    const chats = Array.from({ length: 6 }, (_, i) => `491511234567${String(i)}`);
    const accepted: { id: string; to: string }[] = [];
    for (let i = 0; i < 60; i += 1) {
      const to = chats[i % 6] ?? '';
      accepted.push({ id: (await send({ to })).id, to });
    }
    await waitFor(() => most === 4, { what: 'four chats to be served' });
    open();
    await waitFor(() => left.length === 60, { what: 'all to have left' });
    for (const chat of chats) {
      const ids = accepted.filter(({ to }) => to === chat).map(({ id }) => id);
      expect(left.filter((id) => ids.includes(id))).toEqual(ids);
    }
    expect(most).toBe(4);
    for (const { id } of accepted) await statusOf(tenant, id, 'sent');
  });

  it('lets a higher priority overtake what waits', async () => {
    const left: string[] = [];
    const { open, opened } = gate();
    messaging.node.scripts['message.send'] = async (request) => {
      await opened;
      left.push(request.messageId);
      return handed(request, 1);
    };
    const campaign = [];
    for (let i = 0; i < 30; i += 1) campaign.push((await send()).id);
    const code = (await send({ priority: 9 })).id;
    open();
    await waitFor(() => left.length === 31, { what: 'all to have left' });
    // What was claimed before the code came is on its way already.
    expect(left.indexOf(code)).toBeLessThan(20);
    expect(left.filter((id) => id !== code)).toEqual(campaign);
  });
});
