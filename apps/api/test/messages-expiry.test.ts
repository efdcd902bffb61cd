import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import type { TestTenant } from '../../../test/support/start-api.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import type { MessageTimeline } from '../src/messages/timeline/timeline.dto.js';
import { eventsOf } from './inbound.js';
import { ALEX, handed, interrupted, Messaging, statusOf, type SendRequest } from './messaging.js';
import { SendingSession } from './sending-session.js';

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
  expect(ended.error).toEqual({
    code: 'expired',
    message: expect.stringMatching(/its node had it/) as string,
  });
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

describe('a message that expires in the queue', () => {
  /** Ends its time now; gives its error, which its timeline must tell too. */
  async function whyExpired(tenant: TestTenant, id: string): Promise<string> {
    await messaging.api.database.workerSql((query) =>
      query('UPDATE messages SET expires_at = now() WHERE id = $1', [id]),
    );
    const { error } = await statusOf(tenant, id, 'expired');
    const { body } = await tenant.client.get<MessageTimeline>(`/messages/${id}/timeline`);
    expect(error?.code).toBe('expired');
    expect(error?.message).not.toContain(ALEX);
    expect(body.diagnosis.summary).toContain(error?.message);
    expect(body.steps.at(-1)).toMatchObject({ kind: 'expired', summary: error?.message });
    return error?.message ?? '';
  }

  it('says that its session was not connected, or paused, and by what', async () => {
    const { tenant, session, ...sending } = await connect();
    await tenant.client.post(`/sessions/${session.id}/pause`);
    const paused = await sending.send();
    expect(await whyExpired(tenant, paused)).toMatch(/paused by request since \d{4}-.+ UTC\.$/);
    await messaging.api.database.workerSql((query) =>
      query(`UPDATE sessions SET pause_reason = 'unacknowledged' WHERE id = $1`, [session.id]),
    );
    const signal = await sending.send();
    expect(await whyExpired(tenant, signal)).toMatch(/as a signal said to stop, .+acknowledged none/);
    await messaging.node.become(session.id, interrupted());
    await tenant.client.post(`/sessions/${session.id}/resume`);
    const away = await sending.send();
    expect(await whyExpired(tenant, away)).toMatch(/: its session was not connected: interrupted since /);
  });

  it('says which limit of the pacing held it back', async () => {
    const sending = await SendingSession.connect(messaging);
    const { tenant } = sending;
    await sending.setPacing({ perHour: 1 });
    const [first = '', second = '', third = ''] = await sending.sendMany(3);
    await statusOf(tenant, first, 'sent');
    expect(await whyExpired(tenant, third)).toMatch(
      /\(`perHour`\) was reached; 1 message was to leave before/,
    );
    await sending.setPacing({ gapMs: 3_600_000 });
    expect(await whyExpired(tenant, second)).toMatch(/with a gap after it \(`gapMs`, `jitterMs`\)\.$/);
    await sending.setPacing({ strangersPerDay: 0 });
    expect(await whyExpired(tenant, (await sending.send()).id)).toMatch(/\(`strangersPerDay`\), was reached/);
    await sending.setPacing({ perDay: 1_000, ramp: { firstDay: 1, morePerDay: 1 } });
    expect(await whyExpired(tenant, (await sending.send()).id)).toMatch(/\(`ramp`\) was reached\.$/);
  });

  it('says that its chat waited for the fate, or the next attempt, of another, or it for its own', async () => {
    const { tenant, ...sending } = await connect();
    messaging.node.scripts['message.send'] = () => ({ outcome: 'unknown', reason: 'page_lost' });
    await statusOf(tenant, await sending.send(), 'unknown');
    expect(await whyExpired(tenant, await sending.send())).toMatch(/chat was of unknown fate/);
    const other = await connect();
    messaging.node.scripts['message.send'] = () => ({
      outcome: 'not_sent',
      retry: true,
      code: 'busy',
      reason: 'scripted',
    });
    const tried = await other.send();
    await waitFor(() => hasFailed(tried), { what: 'an attempt that did not leave' });
    expect(await whyExpired(other.tenant, await other.send())).toMatch(/chat was to be tried again/);
    expect(await whyExpired(other.tenant, tried)).toMatch(
      /certainly not left: the session .+ \(busy\), and the next one/,
    );
  });

  async function connect() {
    const { tenant, session } = await messaging.connect();
    messaging.node.scripts['message.send'] = (request) => handed(request, 1);
    const send = async () => {
      const body = { to: ALEX, type: 'text', text: 'Hi' };
      return (await tenant.client.post<MessageResource>('/messages', body)).body.id;
    };
    return { tenant, session, send };
  }

  /** And is to be tried again much later. */
  function hasFailed(id: string): Promise<boolean> {
    return messaging.api.database.workerSql(async (query) => {
      const delayed = await query(
        `UPDATE messages SET due_at = now() + interval '1 hour' WHERE id = $1 AND status = 'queued' AND attempts > 0
         RETURNING id`,
        [id],
      );
      return delayed.length === 1;
    });
  }
});
