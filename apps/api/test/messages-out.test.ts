import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import type { TestTenant } from '../../../test/support/start-api.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { ALEX, handed, Messaging, messageWhen, OWN_PHONE, statusOf } from './messaging.js';
import { connected, snapshot } from './scripted-node.js';
import { expectProblem, type SessionBody } from './session-bodies.js';

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

  it('is that of acceptance within a chat, one at a time, and eight chats at once', async () => {
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
    const chats = Array.from({ length: 10 }, (_, i) => `491511234567${String(i)}`);
    const accepted: { id: string; to: string }[] = [];
    for (let i = 0; i < 60; i += 1) {
      const to = chats[i % chats.length] ?? '';
      accepted.push({ id: (await send({ to })).id, to });
    }
    await waitFor(() => most === 8, { what: 'eight chats to be served' });
    open();
    await waitFor(() => left.length === 60, { what: 'all to have left' });
    for (const chat of chats) {
      const ids = accepted.filter(({ to }) => to === chat).map(({ id }) => id);
      expect(left.filter((id) => ids.includes(id))).toEqual(ids);
    }
    expect(most).toBe(8);
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

describe('what goes wrong on the way out', () => {
  it('is tried again after a proven non-send, under the same id, and behind it its chat waits', async () => {
    const tried: string[] = [];
    messaging.node.scripts['message.send'] = (request) => {
      tried.push(`${request.messageId} ${request.waMessageId}`);
      if (tried.length === 1) return { outcome: 'not_sent', retry: true, code: 'busy', reason: 'busy' };
      return handed(request, 1);
    };
    const first = (await send()).id;
    const second = (await send()).id;
    const sent = await statusOf(tenant, first, 'sent');
    await statusOf(tenant, second, 'sent');
    expect(tried.map((one) => one.split(' ')[0])).toEqual([first, first, second]);
    expect(tried[0]).toBe(tried[1]);
    expect(sent.attempts).toBe(2);
  });

  it('fails for good when the node says so', async () => {
    messaging.node.scripts['message.send'] = () => ({
      outcome: 'not_sent',
      retry: false,
      code: 'not_on_whatsapp',
      reason: 'no such number',
    });
    const failed = await statusOf(tenant, (await send()).id, 'failed');
    expect(failed.error).toEqual({ code: 'not_on_whatsapp', message: 'The recipient is not on WhatsApp.' });
    expect(sends()).toHaveLength(1);
  });

  it('is unknown when the connection is cut, is not sent again, and is found by its id', async () => {
    const { node } = messaging;
    node.scripts['message.send'] = async (request) => {
      await node.stop();
      return handed(request);
    };
    let found: string[] = [];
    node.scripts['message.lookup'] = ({ messages }) => ({
      found: messages
        .filter(({ waMessageId }) => found.includes(waMessageId))
        .map(({ waMessageId, chatId }) => ({
          waMessageId,
          waKey: `true_${chatId}_${waMessageId}`,
          ack: 2,
          timestamp: new Date().toISOString(),
        })),
      neverStarted: [],
    });
    const { id } = await send();
    const unknown = await statusOf(tenant, id, 'unknown');
    node.scripts['message.send'] = (request) => handed(request, 1);
    await node.start();
    const lookups = () => node.callsOf('message.lookup').filter((call) => call.sessionId === session.id);
    await waitFor(() => lookups().length > 0, { what: 'a look-up' });
    await statusOf(tenant, id, 'unknown');
    expect(lookups()[0]?.messages).toMatchObject([
      { waMessageId: unknown.waMessageId, nodeBootId: node.bootId },
    ]);
    found = [String(unknown.waMessageId)];
    await statusOf(tenant, id, 'delivered');
    expect(sends()).toHaveLength(1);
  });

  it('goes back to the queue under a new id when the node proves that it never started it', async () => {
    const { node } = messaging;
    node.scripts['message.send'] = async (request) => {
      await node.stop();
      return handed(request);
    };
    node.scripts['message.lookup'] = ({ messages }) => ({
      found: [],
      neverStarted: messages.map(({ waMessageId }) => waMessageId),
    });
    const { id } = await send();
    await statusOf(tenant, id, 'unknown');
    node.scripts['message.send'] = (request) => handed(request, 1);
    await node.start();
    const sent = await statusOf(tenant, id, 'sent');
    const ids = sends().map((call) => String(call.waMessageId));
    expect(ids).toHaveLength(2);
    expect(ids[0]).not.toBe(ids[1]);
    expect(sent).toMatchObject({ attempts: 2, waMessageId: ids[1] });
  });

  it('waits in the queue while the session is away, and leaves when it is back', async () => {
    const { node } = messaging;
    await node.become(
      session.id,
      snapshot({ state: 'interrupted', reason: 'network', me: connected(OWN_PHONE).me }),
    );
    const { id } = await send();
    expect((await tenant.client.get<MessageResource>(`/messages/${id}`)).body.status).toBe('queued');
    expect(sends()).toHaveLength(0);
    node.scripts['message.send'] = (request) => handed(request, 1);
    await node.become(session.id, connected(OWN_PHONE));
    await statusOf(tenant, id, 'sent');
  });

  it('is not sent after it expired', async () => {
    await messaging.node.become(
      session.id,
      snapshot({ state: 'interrupted', reason: 'network', me: connected(OWN_PHONE).me }),
    );
    const expiresAt = new Date(Date.now() + 700).toISOString();
    const { id } = await send({ expiresAt });
    const expired = await statusOf(tenant, id, 'expired');
    expect(expired.error?.code).toBe('expired');
    expectProblem(await tenant.client.post(`/messages/${id}/cancel`), 409, 'invalid_state');
    await messaging.node.become(session.id, connected(OWN_PHONE));
    const later = await send();
    await waitFor(() => sends().length === 1, { what: 'the later one to leave' });
    expect(sends()[0]?.messageId).toBe(later.id);
  });

  it('ends with its session', async () => {
    await messaging.node.become(
      session.id,
      snapshot({ state: 'interrupted', reason: 'network', me: connected(OWN_PHONE).me }),
    );
    const { id } = await send();
    expect((await tenant.client.request('DELETE', `/sessions/${session.id}`)).status).toBe(204);
    expect((await statusOf(tenant, id, 'failed')).error?.code).toBe('session_deleted');
    expectProblem(await tenant.client.post(`/messages/${id}/cancel`), 409, 'invalid_state');
  });

  it('can be cancelled while it is queued, once, and not afterwards', async () => {
    await messaging.node.become(
      session.id,
      snapshot({ state: 'interrupted', reason: 'network', me: connected(OWN_PHONE).me }),
    );
    const { id } = await send();
    const cancelled = await tenant.client.post<MessageResource>(`/messages/${id}/cancel`);
    expect([cancelled.status, cancelled.body.status]).toEqual([200, 'cancelled']);
    expect((await tenant.client.post(`/messages/${id}/cancel`)).status).toBe(200);
    messaging.node.scripts['message.send'] = (request) => handed(request, 1);
    await messaging.node.become(session.id, connected(OWN_PHONE));
    const sent = await send();
    await statusOf(tenant, sent.id, 'sent');
    expectProblem(await tenant.client.post(`/messages/${sent.id}/cancel`), 409, 'already_sent');
    expect(sends().map((call) => call.messageId)).toEqual([sent.id]);
  });
});
