import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '#kernel';
import type { TestTenant } from '../../../test/support/start-api.js';
import { waitFor } from '../../../test/support/index.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import type { MessageTimeline } from '../src/messages/timeline/timeline.dto.js';
import { ALEX, handed, Messaging, statusOf } from './messaging.js';
import { WEBHOOK_SETTINGS, webhookSteps } from './webhook-steps.js';

const TEXT = 'Nobody should read this twice';
const SENT = { events: ['message.sent'] };

let messaging: Messaging;
const { receive, closeReceivers, create, hurry, deliveries } = webhookSteps(() => messaging.api);

beforeAll(async () => {
  messaging = await Messaging.start(WEBHOOK_SETTINGS);
  messaging.node.scripts['message.send'] = (request) => handed(request, 1);
});
afterEach(closeReceivers);
afterAll(() => messaging?.close());

/** Asks for another attempt in an hour, so that none comes while a test looks. */
const failing = () =>
  receive((response) => {
    response.writeHead(500, { 'retry-after': '3600' });
    response.end('secret of the receiver');
  });

/** A message of the tenant that is sent, so that `message.sent` tells of it. */
async function sentBy(tenant: TestTenant): Promise<string> {
  const body = { to: ALEX, type: 'text', text: TEXT };
  const { id } = (await tenant.client.post<MessageResource>('/messages', body)).body;
  await statusOf(tenant, id, 'sent');
  return id;
}

type Webhooks = NonNullable<MessageTimeline['webhooks']>;

async function timelineOf(tenant: TestTenant, id: string): Promise<MessageTimeline> {
  const { status, body, bytes } = await tenant.client.get<MessageTimeline>(`/messages/${id}/timeline`);
  expect(status).toBe(200);
  for (const hidden of [TEXT, ALEX, '/hook', 'whsec_', 'secret of the receiver'])
    expect(bytes.toString()).not.toContain(hidden);
  return body;
}

function timelineWhen(
  tenant: TestTenant,
  id: string,
  what: string,
  test: (webhooks: Webhooks) => boolean,
): Promise<MessageTimeline & { webhooks: Webhooks }> {
  return waitFor(
    async () => {
      const { webhooks, ...rest } = await timelineOf(tenant, id);
      return webhooks !== null && test(webhooks) && { ...rest, webhooks };
    },
    { what },
  );
}

describe('the webhooks in the timeline of a message', () => {
  it('tell what was delivered: to which webhook, which event, at which attempt, when', async () => {
    const { tenant } = await messaging.connect();
    const receiver = await receive();
    const webhook = await create(tenant, receiver.url, SENT);
    const id = await sentBy(tenant);
    const { webhooks, events, diagnosis } = await timelineWhen(tenant, id, 'it to be delivered', (seen) =>
      seen.deliveries.some(({ state }) => state === 'delivered'),
    );
    const [logged] = await deliveries(tenant, webhook.id);
    expect(webhooks).toEqual({
      truncated: false,
      deliveries: [
        {
          webhookId: webhook.id,
          host: new URL(receiver.url).host,
          deliveryId: logged?.id,
          eventId: receiver.events[0]?.id,
          eventType: 'message.sent',
          cause: 'event',
          state: 'delivered',
          attempts: 1,
          status: 200,
          error: null,
          summary: 'Delivered at attempt 1: it answered 200.',
          nextAttemptAt: null,
          endedAt: logged?.endedAt,
        },
      ],
    });
    expect(events.map((event) => event.id)).toContain(receiver.events[0]?.id);
    expect(diagnosis.summary).not.toContain('webhook');
  });

  it('tell what one does not take, why, and when it is tried again; the diagnosis names it until it has it', async () => {
    const { tenant } = await messaging.connect();
    const [good, bad] = [await receive(), await failing()];
    await create(tenant, good.url, SENT);
    const webhook = await create(tenant, bad.url, SENT);
    const id = await sentBy(tenant);
    const first = await timelineWhen(
      tenant,
      id,
      'both to be tried',
      (seen) => seen.deliveries.length === 2 && seen.deliveries.every(({ attempts }) => attempts === 1),
    );
    const [held, taken] = first.webhooks.deliveries;
    expect(held).toMatchObject({ webhookId: webhook.id, state: 'pending', status: 500, endedAt: null });
    expect(Date.parse(held?.nextAttemptAt ?? '')).toBeGreaterThan(Date.now());
    expect(held?.summary).toMatch(/^Not taken: it answered 500, next try at .+ UTC\.$/);
    expect(taken).toMatchObject({ state: 'delivered' });
    expect(first.diagnosis.code).toBe('sent');
    const but = `But webhook ${webhook.id} has not taken message.sent: it answered 500, next try at `;
    expect(first.diagnosis.summary).toContain(but);
    expect(first.diagnosis.advice).toContain('Look at the receiver of the webhook');

    bad.answer = (response) => response.end('ok');
    await hurry(tenant);
    const second = await timelineWhen(tenant, id, 'it to be delivered', (seen) =>
      seen.deliveries.every(({ state }) => state === 'delivered'),
    );
    expect(second.webhooks.deliveries.find(({ webhookId }) => webhookId === webhook.id)).toMatchObject({
      attempts: 2,
      status: 200,
      summary: 'Delivered at attempt 2: it answered 200.',
    });
    expect(second.diagnosis.summary).not.toContain('webhook');
  });

  it('tell what waits for a webhook that is switched off', async () => {
    const { tenant } = await messaging.connect();
    const receiver = await receive();
    const webhook = await create(tenant, receiver.url, SENT);
    await create(tenant, receiver.url, { events: ['message.failed'] });
    await tenant.client.request('PATCH', `/webhooks/${webhook.id}`, { enabled: false });
    const id = await sentBy(tenant);
    const { webhooks, diagnosis } = await timelineWhen(
      tenant,
      id,
      'the event to be told',
      (seen) => seen.deliveries.length > 0,
    );
    expect(webhooks.deliveries).toHaveLength(1);
    expect(webhooks.deliveries[0]).toMatchObject({
      webhookId: webhook.id,
      deliveryId: null,
      state: 'waiting',
      attempts: 0,
      status: null,
      nextAttemptAt: null,
    });
    expect(diagnosis.summary).toMatch(/has not taken message\.sent: the webhook is switched off\.$/);
    expect(diagnosis.advice).toContain(`PATCH /webhooks/${webhook.id}`);
    await tenant.client.request('PATCH', `/webhooks/${webhook.id}`, { enabled: true });
    await timelineWhen(
      tenant,
      id,
      'it to be delivered',
      ({ deliveries: [only] }) => only?.state === 'delivered',
    );
  });

  it('are shown only to whoever may see the webhooks', async () => {
    const { tenant, session } = await messaging.connect();
    const { tenant: other } = await messaging.connect();
    const [receiver, foreign] = [await failing(), await receive()];
    await create(other, foreign.url);
    await create(tenant, receiver.url, SENT);
    const narrow = await create(tenant, receiver.url, { ...SENT, sessionIds: [session.id] });
    const live = await messaging.api.createKey(tenant.tenantId, { mode: 'live' });
    await create(live, receiver.url, SENT);
    const id = await sentBy(tenant);
    const whole = await timelineWhen(
      tenant,
      id,
      'both to be tried',
      ({ deliveries: all }) => all.length === 2 && all.every(({ attempts }) => attempts === 1),
    );
    expect(whole.diagnosis.summary).toContain('The same goes for 1 other webhook.');

    const reader = await messaging.api.createKey(tenant.tenantId, { scopes: ['messages:read'] });
    const unscoped = await timelineOf(reader, id);
    expect(unscoped.webhooks).toBeNull();
    expect(JSON.stringify(unscoped)).not.toContain('whk_');
    expect(unscoped.diagnosis.summary).not.toContain('webhook');

    const bound = await messaging.api.createKey(tenant.tenantId, { sessionIds: [session.id] });
    const ofSession = await timelineOf(bound, id);
    expect(ofSession.webhooks?.deliveries.map(({ webhookId }) => webhookId)).toEqual([narrow.id]);
    expect(ofSession.diagnosis.summary).not.toContain('other webhook');

    expect((await other.client.get(`/messages/${id}/timeline`)).status).toBe(404);
    expect(foreign.events.map(({ data }) => data['messageId'])).not.toContain(id);
  });

  it('are a hundred at most, what is not delivered first, and say that there are more', async () => {
    const { tenant } = await messaging.connect();
    const webhook = await create(tenant, (await failing()).url, SENT);
    const id = await sentBy(tenant);
    const before = await timelineWhen(
      tenant,
      id,
      'it to be tried',
      ({ deliveries: [only] }) => only?.attempts === 1,
    );
    const eventId = before.webhooks.deliveries[0]?.eventId;
    await messaging.api.database.tenantSql(tenant.tenantId, (query) =>
      query(
        `INSERT INTO webhook_deliveries (tenant_id, id, webhook_id, event_id, seq, event_type, cause, state, attempts, ended_at)
         SELECT tenant_id, left($3, 27) || lpad(n::text, 3, '0'), webhook_id, event_id, seq, event_type, 'replay', 'delivered', attempts, now()
         FROM webhook_deliveries, generate_series(1, 100) AS n WHERE webhook_id = $1 AND event_id = $2`,
        [webhook.id, eventId, newId('dlv')],
      ),
    );
    const { webhooks, diagnosis } = await timelineOf(tenant, id);
    expect(webhooks?.truncated).toBe(true);
    expect(webhooks?.deliveries).toHaveLength(100);
    expect(webhooks?.deliveries.map(({ state }) => state)).toEqual([
      'pending',
      ...Array<string>(99).fill('delivered'),
    ]);
    // Some other delivery of the same event brought it there.
    expect(diagnosis.summary).not.toContain('webhook');
  });
});
