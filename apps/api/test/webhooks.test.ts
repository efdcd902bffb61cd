import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Webhook as Verifier } from 'standardwebhooks';
import { newId } from '#kernel';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import { waitFor, WebhookReceiver } from '../../../test/support/index.js';
import { EventLog } from '../src/events/index.js';
import { DeliveryRetention } from '../src/webhooks/delivery/delivery-retention.js';
import type { DeliveryView, Webhook, WebhookWithSecret } from '../src/webhooks/webhooks.dto.js';

const SETTINGS = { ALLOW_PRIVATE_WEBHOOK_URLS: 'true' };
let api: TestApi;
const receivers: WebhookReceiver[] = [];

beforeAll(async () => {
  api = await startApi(SETTINGS);
});
afterEach(async () => {
  for (const receiver of receivers.splice(0)) await receiver.close();
});
afterAll(() => api?.close());

async function receive(...args: Parameters<typeof WebhookReceiver.start>): Promise<WebhookReceiver> {
  const receiver = await WebhookReceiver.start(...args);
  receivers.push(receiver);
  return receiver;
}

async function create(
  tenant: TestTenant,
  url: string,
  settings: Record<string, unknown> = {},
): Promise<WebhookWithSecret & { secret: string }> {
  const { status, body } = await tenant.client.post<WebhookWithSecret>('/webhooks', { url, ...settings });
  expect(status).toBe(201);
  return { ...body, secret: body.secret ?? '' };
}

async function happen(
  tenant: TestTenant,
  count = 1,
  { type = 'limit.reached' as const, sessionId = null as string | null, from = 0 } = {},
): Promise<void> {
  const events = Array.from({ length: count }, (_, i) => ({
    tenantId: tenant.tenantId,
    sessionId,
    type,
    data: { place: from + i },
  }));
  const log = api.app.get(EventLog, { strict: false });
  await api.database.workerSql((query) => log.append(query, events));
}

const places = (receiver: WebhookReceiver) =>
  [...new Set(receiver.events.map(({ data }) => data['place'] as number))].sort((a, b) => a - b);
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

async function deliveries(tenant: TestTenant, id: string, query = ''): Promise<DeliveryView[]> {
  const answer = await tenant.client.get<{ data: DeliveryView[] }>(`/webhooks/${id}/deliveries${query}`);
  expect(answer.status).toBe(200);
  return answer.body.data;
}

/** Lets what is to be tried again be due now. */
async function hurry(tenant: TestTenant): Promise<void> {
  await api.database.tenantSql(tenant.tenantId, async (query) => {
    await query(`UPDATE webhook_deliveries SET next_at = now() WHERE state = 'pending'`);
    await query('UPDATE webhooks SET open_until = NULL');
  });
}

describe('a webhook', () => {
  it('gets every event from its making on, signed, with its headers, and logs how', async () => {
    const tenant = await api.createTenant();
    const receiver = await receive();
    await happen(tenant, 1, { from: 99 });
    await waitFor(
      async () => (await tenant.client.get<{ data: unknown[] }>('/events')).body.data.length === 1,
      {
        what: 'the event before',
      },
    );
    const webhook = await create(tenant, receiver.url, {
      headers: { Authorization: 'Bearer of-the-receiver' },
    });
    expect(webhook).toMatchObject({ headers: ['Authorization'], state: 'active', enabled: true });
    await happen(tenant, 250);
    await waitFor(() => receiver.posts.length >= 250, { what: 'the events' });
    expect(places(receiver)).toEqual(upTo(250));
    const verifier = new Verifier(webhook.secret);
    for (const { body, headers } of receiver.posts) {
      const event = verifier.verify(body, headers) as { id: string };
      expect(headers['webhook-id']).toBe(event.id);
      expect(headers['authorization']).toBe('Bearer of-the-receiver');
    }
    const log = await waitFor(
      async () => {
        const rows = await deliveries(tenant, webhook.id, '?limit=100');
        return rows.length === 100 && rows;
      },
      { what: 'the log' },
    );
    expect(log[0]).toMatchObject({
      state: 'delivered',
      cause: 'event',
      nextAttemptAt: null,
      attempts: [{ status: 200, error: null, responseHead: 'ok' }],
    });
    const shown = await tenant.client.get<{ request: unknown }>(`/deliveries/${log[0]?.id ?? ''}`);
    expect(shown.body).toMatchObject({ request: { url: receiver.url, body: { id: log[0]?.eventId } } });
    expect(JSON.stringify([log, shown.body])).not.toContain('of-the-receiver');
  });

  it('gets only the types and sessions it asks for, and only those of its mode', async () => {
    const tenant = await api.createTenant();
    const [{ body: mine }, { body: other }] = [
      await tenant.client.post<{ id: string }>('/sessions'),
      await tenant.client.post<{ id: string }>('/sessions'),
    ];
    const live = await api.createKey(tenant.tenantId, { mode: 'live' });
    const [one, all, foreign] = [await receive(), await receive(), await receive()];
    await create(tenant, one.url, { events: ['limit.reached'], sessionIds: [mine.id] });
    const everything = await create(tenant, all.url);
    await create(live, foreign.url);
    await happen(tenant, 1, { sessionId: mine.id, from: 1 });
    await happen(tenant, 1, { sessionId: other.id, from: 2 });
    await happen(tenant, 1, { sessionId: mine.id, from: 3, type: 'session.paused' as never });
    await happen(tenant, 1, { from: 4 });
    await waitFor(() => all.posts.length >= 4, { what: 'all of them' });
    await waitFor(
      async () => (await tenant.client.get<Webhook>(`/webhooks/${everything.id}`)).body.lastSeq >= 4,
      { what: 'the cursor' },
    );
    await waitFor(() => foreign.posts.length >= 1 && one.posts.length >= 1, { what: 'the others' });
    expect(places(all)).toEqual([1, 2, 3, 4]);
    expect(places(one)).toEqual([1]);
    expect(places(foreign)).toEqual([4]);
  });

  it('gets again what it did not take, under the same id, and nothing twice that it took', async () => {
    const tenant = await api.createTenant();
    const seen = new Set<string>();
    const receiver = await receive((response, post) => {
      const id = post.headers['webhook-id'] ?? '';
      // Every other event is refused at its first attempt.
      const refuse = !seen.has(id) && Number((JSON.parse(post.body) as { seq: number }).seq) % 2 === 0;
      seen.add(id);
      response.writeHead(refuse ? 500 : 204).end();
    });
    const webhook = await create(tenant, receiver.url);
    await happen(tenant, 8);
    await waitFor(() => receiver.posts.length >= 8, { what: 'the first attempts' });
    await waitFor(async () => (await deliveries(tenant, webhook.id)).length === 8, { what: 'the log' });
    expect(await deliveries(tenant, webhook.id, '?state=pending')).toHaveLength(4);
    await hurry(tenant);
    await waitFor(async () => (await deliveries(tenant, webhook.id, '?state=delivered')).length === 8, {
      what: 'the second attempts',
    });
    expect(receiver.posts).toHaveLength(12);
    const tried = (await deliveries(tenant, webhook.id)).map(({ attempts }) => attempts.length).sort();
    expect(tried).toEqual([1, 1, 1, 1, 2, 2, 2, 2]);
  });

  it('that is down is probed now and then, and loses nothing', async () => {
    const tenant = await api.createTenant();
    let isUp = false;
    const receiver = await receive((response) => response.writeHead(isUp ? 200 : 503).end());
    const webhook = await create(tenant, receiver.url);
    await happen(tenant, 200);
    const shown = await waitFor(
      async () => {
        const { body } = await tenant.client.get<Webhook>(`/webhooks/${webhook.id}`);
        return body.nextProbeAt !== null && body;
      },
      { what: 'the breaker to open' },
    );
    expect(shown).toMatchObject({ state: 'failing', enabled: true });
    // It is not called for every event that waits.
    expect(receiver.posts.length).toBeLessThan(20);
    isUp = true;
    await waitFor(
      async () => {
        await hurry(tenant);
        return (
          places(receiver).length === 200 &&
          (await deliveries(tenant, webhook.id, '?state=pending')).length === 0
        );
      },
      { what: 'everything to be delivered', pollMs: 200 },
    );
    expect((await tenant.client.get<Webhook>(`/webhooks/${webhook.id}`)).body).toMatchObject({
      state: 'active',
    });
  });

  it('that says 410 is switched off, its owner is told, and it goes on where it stopped', async () => {
    const tenant = await api.createTenant();
    let isGone = true;
    const receiver = await receive((response) => response.writeHead(isGone ? 410 : 200).end());
    const webhook = await create(tenant, receiver.url, { events: ['limit.reached'] });
    await happen(tenant);
    const path = `/webhooks/${webhook.id}`;
    await waitFor(async () => (await tenant.client.get<Webhook>(path)).body.enabled === false, {
      what: 'the webhook to be off',
    });
    const told = await waitFor(
      async () =>
        (await tenant.client.get<{ data: { data: unknown }[] }>('/events?type=webhook.disabled')).body
          .data[0],
      { what: 'the event' },
    );
    expect(told.data).toMatchObject({ webhookId: webhook.id, reason: 'gone' });
    await happen(tenant, 3, { from: 1 });
    isGone = false;
    expect((await tenant.client.request('PATCH', path, { enabled: true })).body).toMatchObject({
      enabled: true,
      disabledReason: null,
    });
    await waitFor(
      async () => {
        await hurry(tenant);
        return places(receiver).length === 4 && receiver.posts.length >= 5;
      },
      { what: 'what came meanwhile', pollMs: 200 },
    );
  });

  it('is signed by both secrets for a while after a rotation', async () => {
    const tenant = await api.createTenant();
    const receiver = await receive();
    const webhook = await create(tenant, receiver.url);
    const { body: rotated } = await tenant.client.post<WebhookWithSecret>(
      `/webhooks/${webhook.id}/rotate-secret`,
      {},
    );
    expect(rotated.secret).toMatch(/^whsec_/);
    await happen(tenant);
    const post = await waitFor(() => receiver.posts[0], { what: 'the event' });
    for (const secret of [webhook.secret, rotated.secret ?? ''])
      expect(() => new Verifier(secret).verify(post.body, post.headers)).not.toThrow();
    await tenant.client.post(`/webhooks/${webhook.id}/rotate-secret`, { overlapSeconds: 0 });
    await happen(tenant);
    const later = await waitFor(() => receiver.posts[1], { what: 'the next event' });
    expect(() => new Verifier(rotated.secret ?? '').verify(later.body, later.headers)).toThrow();
  });

  it('is tested at once, whatever it answers', async () => {
    const tenant = await api.createTenant();
    const receiver = await receive((response) =>
      response.writeHead(302, { location: '/else' }).end('moved\u0007'),
    );
    const webhook = await create(tenant, receiver.url);
    const answer = await tenant.client.post(`/webhooks/${webhook.id}/test`);
    expect(answer.body).toMatchObject({
      delivered: false,
      attempt: { status: 302, error: null, responseHead: 'moved' },
    });
    expect(receiver.events).toMatchObject([
      { type: 'webhook.test', seq: 0, data: { webhookId: webhook.id } },
    ]);
    const nobody = await create(tenant, 'http://127.0.0.1:9/');
    expect((await tenant.client.post(`/webhooks/${nobody.id}/test`)).body).toMatchObject({
      delivered: false,
      attempt: { status: null, error: 'unreachable' },
    });
  });

  it('keeps its log for as long as the operator says, but never forgets what is still to be delivered', async () => {
    const tenant = await api.createTenant();
    const receiver = await receive((response, { body }) => {
      const { data } = JSON.parse(body) as { data: { place: number } };
      response.writeHead(data.place === 0 ? 500 : 200).end();
    });
    const webhook = await create(tenant, receiver.url);
    await happen(tenant, 3);
    await waitFor(async () => (await deliveries(tenant, webhook.id)).length === 3, { what: 'the log' });
    await api.database.tenantSql(tenant.tenantId, (query) =>
      query(
        `UPDATE webhook_deliveries SET created_at = now() - interval '8 days',
           ended_at = ended_at - interval '8 days' WHERE ended_at IS NOT NULL`,
      ),
    );
    await happen(tenant, 1, { from: 3 });
    await waitFor(() => receiver.posts.length >= 4, { what: 'a new event' });
    await waitFor(async () => (await deliveries(tenant, webhook.id)).length === 4, { what: 'its delivery' });
    expect(await api.app.get(DeliveryRetention, { strict: false }).run()).toBe(2);
    const kept = await deliveries(tenant, webhook.id);
    expect(kept.map(({ state }) => state).sort()).toEqual(['delivered', 'pending']);
  });

  it('gets a time or one event again on demand', async () => {
    const tenant = await api.createTenant();
    const receiver = await receive();
    const webhook = await create(tenant, receiver.url);
    await happen(tenant, 5);
    await waitFor(async () => (await deliveries(tenant, webhook.id, '?state=delivered')).length === 5, {
      what: 'the events',
    });
    const replayed = await tenant.client.post(`/webhooks/${webhook.id}/replay`, {
      since: '2020-01-01T00:00:00Z',
      events: ['limit.reached'],
    });
    expect(replayed).toMatchObject({ status: 202, body: { deliveries: 5 } });
    await waitFor(() => receiver.posts.length === 10, { what: 'the replay' });
    const ids = receiver.posts.map(({ headers }) => headers['webhook-id']);
    expect(new Set(ids).size).toBe(5);
    const [delivery] = await deliveries(tenant, webhook.id);
    const again = await tenant.client.post<DeliveryView>(`/deliveries/${delivery?.id ?? ''}/redeliver`);
    expect(again).toMatchObject({ status: 202, body: { cause: 'redelivery', eventId: delivery?.eventId } });
    await waitFor(() => receiver.posts.length === 11, { what: 'the redelivery' });
  });
});

describe('webhooks', () => {
  it('that are deleted are gone at once, and their deliveries soon after', async () => {
    const tenant = await api.createTenant();
    const receiver = await receive((response) => response.writeHead(500).end());
    const webhook = await create(tenant, receiver.url);
    await happen(tenant, 3);
    await waitFor(async () => (await deliveries(tenant, webhook.id)).length === 3, { what: 'the log' });
    const [delivery] = await deliveries(tenant, webhook.id);
    expect((await tenant.client.request('DELETE', `/webhooks/${webhook.id}`)).status).toBe(204);
    for (const path of [
      `/webhooks/${webhook.id}`,
      `/webhooks/${webhook.id}/deliveries`,
      `/deliveries/${delivery?.id}`,
    ])
      expect((await tenant.client.get(path)).status, path).toBe(404);
    expect((await tenant.client.get('/webhooks')).body).toMatchObject({ data: [] });
    await api.app.get(DeliveryRetention, { strict: false }).run();
    const left = await api.database.tenantSql(tenant.tenantId, (query) =>
      query('SELECT 1 AS one FROM webhooks UNION ALL SELECT 1 FROM webhook_deliveries'),
    );
    expect(left).toEqual([]);
  });

  it('that are bound to sessions later keep what they got of others to themselves', async () => {
    const tenant = await api.createTenant();
    const [{ body: mine }, { body: other }] = [
      await tenant.client.post<{ id: string }>('/sessions'),
      await tenant.client.post<{ id: string }>('/sessions'),
    ];
    const bound = await api.createKey(tenant.tenantId, { sessionIds: [mine.id] });
    let isUp = false;
    const receiver = await receive((response) => response.writeHead(isUp ? 200 : 500).end());
    const webhook = await create(tenant, receiver.url);
    await happen(tenant, 1, { sessionId: other.id, from: 1 });
    await happen(tenant, 1, { sessionId: mine.id, from: 2 });
    const log = await waitFor(
      async () => {
        const rows = await deliveries(tenant, webhook.id);
        return rows.length === 2 && rows;
      },
      { what: 'the log' },
    );
    await tenant.client.request('PATCH', `/webhooks/${webhook.id}`, { sessionIds: [mine.id] });
    const seen = await deliveries(bound, webhook.id);
    expect(seen).toHaveLength(1);
    const foreign = log.find(({ id }) => id !== seen[0]?.id);
    expect((await bound.client.get(`/deliveries/${foreign?.id ?? ''}`)).status).toBe(404);
    isUp = true;
    receiver.posts.length = 0;
    await waitFor(
      async () => {
        await hurry(tenant);
        return (await deliveries(bound, webhook.id, '?state=delivered')).length === 1;
      },
      { what: 'its own event', pollMs: 200 },
    );
    expect(places(receiver)).toEqual([2]);
  });

  it('whose secret cannot be read are failing, not forgotten', async () => {
    const tenant = await api.createTenant();
    const receiver = await receive();
    const webhook = await create(tenant, receiver.url);
    await api.database.tenantSql(tenant.tenantId, (query) =>
      query(`UPDATE webhooks SET secret_sealed = '\\x00'`),
    );
    await happen(tenant, 1);
    const [delivery] = await waitFor(
      async () => {
        const rows = await deliveries(tenant, webhook.id);
        return rows.length > 0 && rows;
      },
      { what: 'the attempt' },
    );
    expect(delivery).toMatchObject({
      state: 'pending',
      attempts: [{ status: null, error: 'secret_unreadable' }],
    });
    expect((await tenant.client.get<Webhook>(`/webhooks/${webhook.id}`)).body).toMatchObject({
      state: 'failing',
    });
  });

  it('of a dead and a hanging receiver do not delay another', async () => {
    const tenant = await api.createTenant();
    const hanging = await receive(() => undefined);
    const good = await receive();
    await create(tenant, hanging.url);
    await create(tenant, 'http://127.0.0.1:9/');
    await create(tenant, good.url);
    await happen(tenant, 100);
    await waitFor(() => good.posts.length >= 100, { what: 'the events', deadlineMs: 10_000 });
    expect(places(good)).toEqual(upTo(100));
  });

  it('are delivered by several processes together, each event at least once, whichever of them ends', async () => {
    const { DATABASE_URL, DATABASE_OWNER_URL, INTERNAL_SECRET, KEY_PEPPER, ENCRYPTION_KEY } = api.config;
    const other = await startApi({
      DATABASE_URL,
      DATABASE_OWNER_URL,
      INTERNAL_SECRET,
      KEY_PEPPER,
      ENCRYPTION_KEY,
      ...SETTINGS,
    });
    const tenant = await api.createTenant();
    const receiver = await receive((response) => setTimeout(() => response.end(), 5));
    for (let i = 0; i < 4; i += 1) await create(tenant, `${receiver.url}?${String(i)}`);
    await happen(tenant, 300);
    await waitFor(() => receiver.posts.length >= 100, { what: 'the first of them' });
    await other.app.close();
    await waitFor(() => receiver.posts.length >= 1_200, { what: 'the rest', deadlineMs: 90_000 });
    const counts = new Map<string, number>();
    for (const { headers } of receiver.posts) {
      const id = headers['webhook-id'] ?? '';
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    expect(counts.size).toBe(300);
    expect(Math.min(...counts.values())).toBeGreaterThanOrEqual(4);
  });

  it('refuse what would reach inside, and what is no webhook', async () => {
    const strict = await startApi();
    const { client } = await strict.createTenant();
    const urls = [
      'http://example.com/',
      'https://127.0.0.1/',
      'https://169.254.169.254/',
      'https://a:b@example.com/',
    ];
    for (const url of [...urls, 'https://example.com:8443/', 'ftp://example.com/', 'x'])
      expect((await client.post('/webhooks', { url })).body, url).toMatchObject({
        status: 422,
        code: 'webhook_url_forbidden',
        errors: [{ path: 'url' }],
      });
    const url = 'https://example.com/';
    const bad = [
      {},
      { url, events: [] },
      { url, events: ['message.unheard'] },
      { url, headers: { Host: 'x' } },
      { url, headers: { 'webhook-id': 'x' } },
      { url, headers: { 'X-A': 'a\nb' } },
      { url, secret: 'whsec_own' },
    ];
    for (const body of bad)
      expect((await client.post('/webhooks', body)).body, JSON.stringify(body)).toMatchObject({
        status: 400,
      });
    expect((await client.post('/webhooks', { url, sessionIds: [newId('ses')] })).body).toMatchObject({
      status: 404,
    });
    expect((await client.get<{ data: unknown[] }>('/webhooks')).body.data).toEqual([]);
    await strict.close();
  });

  it('keep secrets and headers encrypted, and out of the log', async () => {
    const tenant = await api.createTenant();
    const { secret, id } = await create(tenant, 'http://127.0.0.1:9/', {
      headers: { 'X-Key': 'the-custom-secret' },
    });
    const rows = await api.database.tenantSql(tenant.tenantId, (query) =>
      query<{ all: string }>('SELECT w::text AS all FROM webhooks w WHERE id = $1', [id]),
    );
    const hex = (text: string) => Buffer.from(text).toString('hex');
    for (const plain of [secret, 'the-custom-secret']) {
      expect(rows[0]?.all).not.toContain(plain);
      expect(rows[0]?.all).not.toContain(hex(plain));
      expect(JSON.stringify(api.logged)).not.toContain(plain);
    }
  });
});
