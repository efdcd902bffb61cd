import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MessageResource } from '../src/messages/message-resource.js';
import { eventsOf } from './inbound.js';
import { ALEX, Messaging, statusOf, type SendRequest } from './messaging.js';

let messaging: Messaging;
const asked: SendRequest[] = [];

beforeAll(async () => {
  messaging = await Messaging.start();
  messaging.node.scripts['message.send'] = (request) => {
    asked.push(request);
    return { outcome: 'not_sent', retry: false, code: 'expired', reason: 'its time was over' };
  };
});
afterAll(() => messaging?.close());

it('tells the node how long a message may still leave, and ends as expired what it was too late for', async () => {
  const { tenant, session } = await messaging.connect();
  const expiresAt = new Date(Date.now() + 60_000).toISOString();
  const { body } = await tenant.client.post<MessageResource>('/messages', {
    to: ALEX,
    type: 'text',
    text: 'Hi',
    expiresAt,
  });
  const ended = await statusOf(tenant, body.id, 'expired');
  expect(ended.error).toMatchObject({ code: 'expired' });
  expect(asked).toHaveLength(1);
  expect(asked[0]?.sessionId).toBe(session.id);
  expect(asked[0]?.expiresInMs).toBeGreaterThan(0);
  expect(asked[0]?.expiresInMs).toBeLessThanOrEqual(60_000);
  const told = (await eventsOf(messaging.api, tenant.tenantId, 'message.')).map(({ type }) => type);
  expect(told).toEqual(['message.expired']);
});

it('says once of a message that nobody knows the fate of', async () => {
  const { tenant } = await messaging.connect();
  messaging.node.scripts['message.send'] = () => ({ outcome: 'unknown', reason: 'the page was lost' });
  const { body } = await tenant.client.post<MessageResource>('/messages', {
    to: ALEX,
    type: 'text',
    text: 'Hi',
  });
  await statusOf(tenant, body.id, 'unknown');
  const told = await eventsOf(messaging.api, tenant.tenantId, 'message.');
  expect(told).toMatchObject([{ type: 'message.unknown', data: { messageId: body.id, status: 'unknown' } }]);
});
