import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browserPid } from '../support/browser-pid.js';
import type { HttpClient } from '../support/http-client.js';
import {
  linkSession,
  newPhone,
  sentBy,
  waitForInbound,
  waitForMessage,
  waitForState,
  type MessageView,
  type SessionView,
} from '../support/session-steps.js';
import { startStack, type Stack } from '../support/stack.js';
import { waitFor } from '../support/wait-for.js';

const SESSIONS = 10;

describe('ten sessions of two tenants at once', () => {
  const friend = newPhone();
  let stack: Stack;
  let tenants: HttpClient[];

  beforeAll(async () => {
    stack = await startStack({ profile: '2026-09', nodeEnv: { MAX_SESSIONS: String(SESSIONS) } });
    tenants = [(await stack.createTenant('One')).client, (await stack.createTenant('Two')).client];
    await stack.simulated.post('/accounts', { phone: friend, name: 'Friend', persona: 'late-reader' });
  });
  afterAll(() => stack.close());

  async function oneSession(index: number): Promise<{ client: HttpClient; session: SessionView }> {
    const client = tenants[index % tenants.length]!;
    const phone = newPhone();
    await stack.simulated.post('/accounts', { phone, name: `Number ${String(index)}` });
    const session = await linkSession(stack, client, phone, `s${String(index)}`);
    const bytes = randomBytes(200_000);
    const hash = createHash('sha256').update(bytes).digest('hex');
    const form = new FormData();
    form.set('session', session.id);
    form.set('recipient', friend);
    form.set('file', new Blob([bytes]), 'file.bin');
    const file = await client.request<MessageView>('POST', '/messages/send-media', form);
    const text = await client.post<MessageView>('/messages/send-text', {
      session: session.id,
      to: friend,
      message: `from ${String(index)}`,
    });
    await stack.simulated.post('/messages', {
      from: friend,
      to: phone,
      type: 'text',
      body: `to ${String(index)}`,
    });
    for (const { status, body } of [file, text]) {
      expect(status).toBe(202);
      await waitForMessage(client, body.id, (m) => ['delivered', 'read'].includes(m.status), 'delivery');
    }
    await waitForInbound(
      client,
      session.id,
      (m) => m.text === `to ${String(index)}`,
      'the text that came in',
    );
    const handed = await sentBy(stack, phone);
    expect(handed.map((sent) => sent.handOvers)).toEqual([1, 1]);
    expect(handed.map((sent) => sent.media?.sha256 ?? sent.body).sort()).toEqual(
      [hash, `from ${String(index)}`].sort(),
    );
    return { client, session };
  }

  it('link, send, receive, and are all back after kill -9 of the node', async () => {
    const linked = await Promise.all(Array.from({ length: SESSIONS }, (_, index) => oneSession(index)));
    const before = await Promise.all(linked.map(({ session }) => browserPid(stack, session.id)));
    await stack.node.kill();
    await stack.node.start();
    for (const [index, { client, session }] of linked.entries()) {
      // A new browser, so it is not the state from before the kill that is seen.
      await waitFor(async () => (await browserPid(stack, session.id)) !== before[index], {
        what: 'a new browser',
        deadlineMs: 150_000,
      });
      const state = await waitForState(client, session.id, 'connected');
      expect(state.me?.phone).toBe(session.me?.phone);
    }
  }, 400_000);

  it('refuses one more than the node may hold, and says so', async () => {
    const created = await tenants[0]!.post<SessionView>('/sessions', { name: 'one-too-many' });
    expect(created.status).toBe(201);
    const refused = await tenants[0]!.post('/sessions/one-too-many/start');
    expect([refused.status, refused.body.code]).toEqual([503, 'capacity_exhausted']);
    expect((await tenants[0]!.get<SessionView>('/sessions/one-too-many')).body.state).toBe('stopped');
  });
});
