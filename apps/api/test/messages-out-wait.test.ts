import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import type { Answer } from '../../../test/support/http-client.js';
import { HealthRegistry } from '../src/health/index.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { MessageWaiter } from '../src/messages/message-waiter.js';
import { ALEX, handed, Messaging } from './messaging.js';

const MOST_OF_TENANT = 100;

let messaging: Messaging;

beforeAll(async () => {
  messaging = await Messaging.start();
  messaging.node.scripts['message.send'] = (request) => handed(request, 1);
});
afterAll(async () => {
  await messaging?.close();
});

const text = { to: ALEX, type: 'text', text: 'Hi' };

describe('answers that wait', () => {
  it('are so many per tenant: beyond, what is accepted is answered at once', async () => {
    const { tenant, session } = await messaging.connect();
    const answers: Answer<MessageResource>[] = [];
    const requests = Array.from({ length: MOST_OF_TENANT + 5 }, async () => {
      const answer = await tenant.client.post<MessageResource>('/messages?wait=delivered', text);
      answers.push(answer);
    });
    await waitFor(() => answers.length >= 5, { what: 'the answers that may not wait' });
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    const sends = () =>
      messaging.node.callsOf('message.send').filter((call) => call.sessionId === session.id);
    await waitFor(() => sends().length === requests.length, { what: 'all to be sent', deadlineMs: 90_000 });
    for (const call of sends()) await messaging.ack(session.id, String(call.waMessageId), 2);
    await Promise.all(requests);
    const delivered = answers.filter(({ status }) => status === 200);
    expect(delivered.length).toBeGreaterThanOrEqual(MOST_OF_TENANT - 5);
    expect(delivered.every(({ body }) => body.status === 'delivered')).toBe(true);
  });

  it('end when their clients hang up, and make room for others', async () => {
    const { tenant, session } = await messaging.connect();
    const gone = new AbortController();
    const begun = Array.from({ length: MOST_OF_TENANT }, () =>
      fetch(`${messaging.api.baseUrl}/api/v1/messages?wait=delivered`, {
        method: 'POST',
        headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' },
        body: JSON.stringify(text),
        signal: gone.signal,
      }),
    );
    const waits = () => messaging.api.app.get(MessageWaiter, { strict: false }).waiting(tenant.tenantId);
    await waitFor(() => waits() === MOST_OF_TENANT, { what: 'all to wait', deadlineMs: 90_000 });
    const startedMs = performance.now();
    gone.abort();
    await Promise.allSettled(begun);
    await waitFor(() => waits() === 0, { what: 'the end of all waits' });
    expect(performance.now() - startedMs).toBeLessThan(20_000);
    const next = tenant.client.post<MessageResource>('/messages?wait=delivered', text);
    await waitFor(() => waits() === 1, { what: 'the next one to wait' });
    const sends = () =>
      messaging.node.callsOf('message.send').filter((call) => call.sessionId === session.id);
    await waitFor(() => sends().length > MOST_OF_TENANT, { what: 'all to be sent', deadlineMs: 90_000 });
    for (const call of sends()) await messaging.ack(session.id, String(call.waMessageId), 2);
    expect((await next).status).toBe(200);
  });

  it('are given as far as it came when the process is about to end', async () => {
    const { tenant, session } = await messaging.connect();
    const waiting = tenant.client.post<MessageResource>('/messages?wait=delivered', text);
    const isSent = () => messaging.node.callsOf('message.send').some((call) => call.sessionId === session.id);
    await waitFor(isSent, { what: 'the send' });
    const started = performance.now();
    messaging.api.app.get(HealthRegistry, { strict: false }).leave();
    expect((await waiting).status).toBe(202);
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});
