import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Webhook as Verifier } from 'standardwebhooks';
import { startApi, type TestApi } from '../../../test/support/start-api.js';
import { waitFor } from '../../../test/support/index.js';
import { DeliveryRetention } from '../src/webhooks/delivery/delivery-retention.js';
import type { DeliveryView, Webhook, WebhookWithSecret } from '../src/webhooks/webhooks.dto.js';
import { placesOf, upTo, WEBHOOK_SETTINGS, webhookSteps } from './webhook-steps.js';

let api: TestApi;
const { receive, closeReceivers, create, happen, deliveries, hurry } = webhookSteps(() => api);

beforeAll(async () => {
  api = await startApi(WEBHOOK_SETTINGS);
});
afterEach(closeReceivers);
afterAll(() => api?.close());

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
    expect(placesOf(receiver)).toEqual(upTo(250));
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

  it('keeps each type once, and takes no U+0000 in its URL', async () => {
    const tenant = await api.createTenant();
    const events = ['message.read', 'message.sent', 'message.read'];
    const made = await tenant.client.post('/webhooks', { url: 'http://127.0.0.1/hook', events });
    expect(made.body).toMatchObject({ events: ['message.read', 'message.sent'] });
    const refused = await tenant.client.post('/webhooks', { url: 'http://127.0.0.1/h\u0000' });
    expect(refused.body).toMatchObject({ code: 'invalid_request', errors: [{ path: 'url' }] });
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
    await happen(tenant, 1, { sessionId: mine.id, from: 3, type: 'session.paused' });
    await happen(tenant, 1, { from: 4 });
    await waitFor(() => all.posts.length >= 4, { what: 'all of them' });
    await waitFor(
      async () => (await tenant.client.get<Webhook>(`/webhooks/${everything.id}`)).body.lastSeq >= 4,
      { what: 'the cursor' },
    );
    await waitFor(() => foreign.posts.length >= 1 && one.posts.length >= 1, { what: 'the others' });
    expect(placesOf(all)).toEqual([1, 2, 3, 4]);
    expect(placesOf(one)).toEqual([1]);
    expect(placesOf(foreign)).toEqual([4]);
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
          placesOf(receiver).length === 200 &&
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
        return placesOf(receiver).length === 4 && receiver.posts.length >= 5;
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
