import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HttpClient } from '../support/http-client.js';
import {
  linkSession,
  newPhone,
  sentBy,
  waitForMessage,
  type MessageView,
  type SessionView,
} from '../support/session-steps.js';
import { startStack, type Stack } from '../support/stack.js';
import { waitFor } from '../support/wait-for.js';

interface PacedMessage extends MessageView {
  eta: string | null;
}
interface PausableSession extends SessionView {
  paused: { reason: string } | null;
}
interface Shown {
  to: string;
  state: string;
  at: number;
}

const GAP_MS = 600;
const SIGNALS = 3;
const LEFT = ['sent', 'delivered', 'read'];

describe('a session with pacing, in a real browser', () => {
  const phone = newPhone();
  const friends = [newPhone(), newPhone()];
  const other = newPhone();
  let stack: Stack;
  let client: HttpClient;
  let sessionId: string;

  beforeAll(async () => {
    const apiEnv = { PAUSE_AFTER_UNACKNOWLEDGED: String(SIGNALS), MESSAGE_ACK_TIMEOUT_SECONDS: '2' };
    stack = await startStack({ profile: '2026-09', apiEnv });
    client = (await stack.createTenant('Paced')).client;
    for (const number of [phone, other, ...friends]) {
      await stack.simulated.post('/accounts', { phone: number, name: number });
    }
    sessionId = (await linkSession(stack, client, phone)).id;
  });
  afterAll(() => stack?.close());

  const change = (body: object) => client.request('PATCH', `/sessions/${sessionId}`, body);
  const show = async () => (await client.get<PausableSession>(`/sessions/${sessionId}`)).body;
  const get = async (id: string) => (await client.get<PacedMessage>(`/messages/${id}`)).body;
  const resume = () => client.post(`/sessions/${sessionId}/resume`);

  async function send(to = '', text = 'Hi'): Promise<string> {
    const body = { session: sessionId, to, type: 'text', text };
    const { status, body: message } = await client.post<PacedMessage>('/messages', body);
    expect(status).toBe(202);
    return message.id;
  }

  async function sendMany(count: number): Promise<string[]> {
    const ids: string[] = [];
    for (let i = 0; i < count; i += 1) ids.push(await send(friends[i % 2], `message ${String(i)}`));
    return ids;
  }

  async function expectSent(ids: readonly string[]): Promise<void> {
    for (const id of ids)
      await waitForMessage(client, id, (m) => LEFT.includes(m.status), 'a message to leave');
  }

  it('types, keeps its gap and its cap, and stops while it is paused', async () => {
    const pacing = { gapMs: GAP_MS, jitterMs: 100, perMinute: 3 };
    expect((await change({ pacing, typing: true })).status).toBe(200);
    const ids = await sendMany(4);
    await expectSent(ids.slice(0, 3));
    const held = await get(ids[3] ?? '');
    expect(held.status).toBe('queued');
    expect(Date.parse(held.eta ?? '') - Date.now()).toBeGreaterThan(30_000);
    expect((await sentBy(stack, phone)).map(({ body }) => body)).toEqual([
      'message 0',
      'message 1',
      'message 2',
    ]);

    const shown = (await stack.simulated.get<Shown[]>(`/chat-states?from=${phone}`)).body;
    expect(shown.map(({ to, state }) => [to, state])).toEqual(
      [friends[0], friends[1], friends[0]].map((to) => [to, 'composing']),
    );
    for (const [index, { at }] of shown.slice(1).entries()) {
      expect(at - (shown[index]?.at ?? 0)).toBeGreaterThanOrEqual(GAP_MS);
    }

    await client.post(`/sessions/${sessionId}/pause`);
    expect((await change({ pacing: {}, typing: false })).status).toBe(200);
    expect((await show()).paused?.reason).toBe('requested');
    expect((await get(held.id)).status).toBe('queued');
    await resume();
    await expectSent([held.id]);
  });

  it('is paused when WhatsApp acknowledges nothing, keeps what waits, and goes on when it is resumed', async () => {
    await stack.simulated.request('PUT', '/faults', { faults: [{ kind: 'noAck', phone, times: SIGNALS }] });
    const lost = await sendMany(SIGNALS);
    await waitFor(async () => (await show()).paused?.reason === 'unacknowledged', {
      what: 'the session to be paused',
      deadlineMs: 60_000,
    });
    // In another chat: behind a message of unknown fate a chat waits for a minute.
    const waiting = await send(other);
    expect(await get(waiting)).toMatchObject({ status: 'queued', eta: null });
    await resume();
    await expectSent([waiting]);
    expect((await show()).paused).toBeNull();
    const sent = await sentBy(stack, phone);
    expect(sent.map(({ handOvers }) => handOvers)).toEqual(sent.map(() => 1));
    expect(sent).toHaveLength(4 + lost.length + 1);
  });

  it('is paused when WhatsApp blocks its number', async () => {
    await stack.simulated.post(`/logins/${phone}/state`, { state: 'TOS_BLOCK' });
    const session = await waitFor(
      async () => {
        const seen = await show();
        return seen.reason === 'banned' && seen;
      },
      { what: 'the block to be seen', deadlineMs: 90_000 },
    );
    expect(session.paused?.reason).toBe('banned');
  });
});
