import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EventEnvelope, EventType } from '#contracts';
import type { TestTenant } from '../../../test/support/start-api.js';
import { waitFor } from '../../../test/support/index.js';
import type { EventPage } from '../src/event-feed/event-feed.dto.js';
import { EventLog, EventRetention } from '../src/events/index.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { ALEX, handed, Messaging, statusOf } from './messaging.js';
import { snapshot } from './scripted-node.js';
import { expectProblem } from './session-bodies.js';

let messaging: Messaging;

beforeAll(async () => {
  messaging = await Messaging.start();
});
afterAll(() => messaging.close());

async function read(tenant: TestTenant, query = ''): Promise<EventPage> {
  const answer = await tenant.client.get<EventPage>(`/events${query}`);
  expect(answer.status).toBe(200);
  return answer.body;
}

/** The tenant's events once there are this many of the type. */
async function eventsOf(tenant: TestTenant, type: EventType, count = 1): Promise<EventEnvelope[]> {
  return waitFor(
    async () => {
      const { data } = await read(tenant, `?type=${type}`);
      return data.length >= count && data;
    },
    { what: `${String(count)} of ${type}` },
  );
}

async function append(tenant: TestTenant, count: number, sessionId: string | null = null): Promise<void> {
  const log = messaging.api.app.get(EventLog, { strict: false });
  const events = Array.from({ length: count }, (_, place) => ({
    tenantId: tenant.tenantId,
    sessionId,
    type: 'limit.reached' as const,
    data: { place },
  }));
  await messaging.api.database.workerSql((query) => log.append(query, events));
}

describe('events', () => {
  it('tell every step of a message and of its session, once, in order, in one envelope', async () => {
    const { tenant, session } = await messaging.connect();
    let waMessageId = '';
    messaging.node.scripts['message.send'] = (request) => {
      waMessageId = request.waMessageId;
      return handed(request, 1);
    };
    const { body: sent } = await tenant.client.post<MessageResource>('/messages', {
      to: ALEX,
      type: 'text',
      text: 'Hello',
    });
    await statusOf(tenant, sent.id, 'sent');
    for (const ack of [2, 1, 2, 3]) await messaging.ack(session.id, waMessageId, ack);
    await eventsOf(tenant, 'message.read');
    const { data, nextCursor } = await read(tenant);
    expect(nextCursor).toBeNull();
    expect(data.map(({ seq }) => seq)).toEqual(data.map((_, n) => n + 1));
    const types = data.map(({ type }) => type);
    expect(types.filter((type) => type.startsWith('message.'))).toEqual([
      'message.sent',
      'message.delivered',
      'message.read',
    ]);
    expect(types.filter((type) => type === 'session.linked')).toHaveLength(1);
    const delivered = data.find(({ type }) => type === 'message.delivered');
    expect(delivered).toMatchObject({
      id: expect.stringMatching(/^evt_/) as string,
      apiVersion: '1',
      tenantId: tenant.tenantId,
      session: { id: session.id, name: session.name },
      data: { messageId: sent.id, status: 'delivered', ack: 2, waMessageId },
    });
    const states = data
      .filter(({ type }) => type === 'session.state_changed')
      .map((event) => event.data.state);
    expect(states).toEqual(['starting', 'connected']);
  });

  it('tell of a logout, and of what waited for it', async () => {
    const { tenant, session } = await messaging.connect();
    await messaging.node.become(session.id, snapshot({ state: 'interrupted', reason: 'network' }));
    const { body } = await tenant.client.post<MessageResource>('/messages', {
      to: ALEX,
      type: 'text',
      text: 'x',
    });
    await messaging.node.become(session.id, snapshot({ state: 'logged_out', reason: 'unlinked' }));
    const [failed] = await eventsOf(tenant, 'message.failed');
    expect(failed?.data).toMatchObject({
      messageId: body.id,
      error: {
        code: 'session_logged_out',
        message: 'The session was logged out before the message left.',
      },
    });
    expect(await eventsOf(tenant, 'session.logged_out')).toHaveLength(1);
  });

  it('come by the cursor of the page before as with any other list, and of several types', async () => {
    const tenant = await messaging.api.createTenant();
    await append(tenant, 5);
    await eventsOf(tenant, 'limit.reached', 5);
    const seen: unknown[] = [];
    let page = await read(tenant, '?limit=2&types=limit.reached,message.sent');
    for (seen.push(...page.data); page.nextCursor !== null; seen.push(...page.data))
      page = await read(tenant, `?limit=2&types=limit.reached,message.sent&cursor=${page.nextCursor}`);
    expect(seen).toEqual((await read(tenant)).data);
    expect(seen).toHaveLength(5);
    expect((await read(tenant, '?types=message.sent,message.read')).data).toEqual([]);
  });

  it.each([
    ['after=0&cursor=0', 400, 'invalid_request', 'cursor'],
    ['type=message.sent&types=message.read', 400, 'invalid_request', 'types'],
    ['types=message.sent,nonsense', 400, 'invalid_request', 'types'],
    ['cursor=nonsense', 400, 'invalid_cursor', 'cursor'],
    ['cursor=1000', 409, 'unknown_seq', 'cursor'],
    ['after=1000', 409, 'unknown_seq', 'after'],
  ])('are refused for %s, and the field is named', async (query, status, code, path) => {
    const tenant = await messaging.api.createTenant();
    const { errors } = expectProblem(await tenant.client.get(`/events?${query}`), status, code);
    expect(errors?.[0]?.path).toContain(path);
  });

  it('come in pages that follow each other, and a number beyond the newest is refused at once', async () => {
    const tenant = await messaging.api.createTenant();
    await append(tenant, 7);
    await eventsOf(tenant, 'limit.reached', 7);
    const seen: unknown[] = [];
    let after: string | null = '0';
    while (after !== null) {
      const page: EventPage = await read(tenant, `?limit=3&after=${after}`);
      seen.push(...page.data.map(({ data }) => data.place));
      after = page.nextCursor;
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(await read(tenant, '?after=7')).toEqual({ data: [], nextCursor: null, lastSeq: 7 });
    for (const query of ['?after=8', '?after=1000&wait=30']) {
      const refused = await tenant.client.get<{ detail: string }>(`/events${query}`);
      expectProblem(refused, 409, 'unknown_seq');
      expect(refused.body.detail).toContain('the newest is 7');
    }
    const silent = await messaging.api.createTenant();
    expect(await read(silent, '?after=0')).toEqual({ data: [], nextCursor: null, lastSeq: 0 });
    expectProblem(await silent.client.get('/events?after=1'), 409, 'unknown_seq');
    expectProblem(await silent.client.get('/events?type=webhook.test'), 400, 'invalid_request');
  });

  it('are waited for', async () => {
    const tenant = await messaging.api.createTenant();
    const first = read(tenant, '?after=0&wait=30');
    await append(tenant, 1);
    expect((await first).data).toHaveLength(1);
    expect(await read(tenant, '?after=1&wait=1')).toMatchObject({ data: [], lastSeq: 1 });
  });

  it('are shown to a key as far as it may see their session', async () => {
    const { tenant, session } = await messaging.connect();
    const other = await messaging.api.createTenant();
    const bound = await messaging.api.createKey(tenant.tenantId, { sessionIds: [session.id] });
    const elsewhere = await messaging.api.createKey(tenant.tenantId, { mode: 'live' });
    await append(tenant, 1);
    await append(tenant, 1, session.id);
    await eventsOf(tenant, 'limit.reached', 2);
    const count = async (reader: TestTenant, query = '') =>
      (await read(reader, `?type=limit.reached${query}`)).data.length;
    expect(await count(tenant)).toBe(2);
    expect(await count(tenant, `&session=${session.name}`)).toBe(1);
    expect(await count(bound)).toBe(1);
    expect(await count(elsewhere)).toBe(1);
    expect(await count(other)).toBe(0);
    expect((await other.client.get(`/events?session=${session.id}`)).status).toBe(404);
    const mute = await messaging.api.createKey(tenant.tenantId, { scopes: ['usage:read'] });
    expect((await mute.client.get('/events')).status).toBe(403);
  });

  it.each([
    ['after', 'x'],
    ['after', '-1'],
    ['wait', '31'],
    ['limit', '501'],
    ['type', 'message.lost'],
    ['cursor', 'x'],
  ])('refuse %s=%s and name it', async (name, value) => {
    const tenant = await messaging.api.createTenant();
    const { status, body } = await tenant.client.get(`/events?${name}=${value}`);
    expect(status).toBe(400);
    expect(JSON.stringify(body.errors)).toContain(name);
  });

  it('are deleted from the oldest on when their time is over, and what is left has no gap', async () => {
    const tenant = await messaging.api.createTenant();
    await append(tenant, 6);
    await eventsOf(tenant, 'limit.reached', 6);
    await messaging.api.database.worker((tx) =>
      tx.query(
        `UPDATE events SET created_at = now() - interval '31 days' WHERE tenant_id = $1 AND seq IN (1, 2, 3, 5)`,
        [tenant.tenantId],
      ),
    );
    await messaging.api.app.get(EventRetention, { strict: false }).purge();
    expect((await read(tenant)).data.map(({ seq }) => seq)).toEqual([4, 5, 6]);
  });
});
