import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '#kernel';
import { startApi, type TestApi } from '../../../test/support/start-api.js';
import { waitFor } from '../../../test/support/index.js';
import { DeliveryRetention } from '../src/webhooks/delivery/delivery-retention.js';
import type { Webhook } from '../src/webhooks/webhooks.dto.js';
import { placesOf, upTo, WEBHOOK_SETTINGS, webhookSteps } from './webhook-steps.js';

let api: TestApi;
const { receive, closeReceivers, create, happen, deliveries, hurry } = webhookSteps(() => api);

beforeAll(async () => {
  api = await startApi(WEBHOOK_SETTINGS);
});
afterEach(closeReceivers);
afterAll(() => api?.close());

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
    expect(placesOf(receiver)).toEqual([2]);
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
    expect(placesOf(good)).toEqual(upTo(100));
  });

  it('are delivered by several processes together, each event at least once, whichever of them ends', async () => {
    const { DATABASE_URL, DATABASE_OWNER_URL, INTERNAL_SECRET, KEY_PEPPER, ENCRYPTION_KEY } = api.config;
    const other = await startApi({
      DATABASE_URL,
      DATABASE_OWNER_URL,
      INTERNAL_SECRET,
      KEY_PEPPER,
      ENCRYPTION_KEY,
      ...WEBHOOK_SETTINGS,
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
