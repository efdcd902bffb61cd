import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import { startApi, type TestTenant } from '../../../test/support/start-api.js';
import { LimitNotices } from '../src/pacing/index.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { eventsOf } from './inbound.js';
import { ALEX, handed, incoming, interrupted, Messaging, statusOf } from './messaging.js';
import type { SessionBody } from './session-bodies.js';

const BODO = '4915112345679';
const HOUR_MS = 3_600_000;

let messaging: Messaging;
let tenant: TestTenant;
let session: SessionBody;

beforeAll(async () => {
  messaging = await Messaging.start();
});
afterAll(() => messaging?.close());
beforeEach(async () => {
  messaging.node.scripts['message.send'] = (request) => handed(request, 1);
  ({ tenant, session } = await messaging.connect());
});

const change = (body: object) => tenant.client.request('PATCH', `/sessions/${session.id}`, body);
const limits = async () => (await eventsOf(messaging.api, tenant.tenantId, 'limit.')).map(({ data }) => data);
const send = (to = ALEX, client = tenant.client) =>
  client.post<MessageResource>('/messages', { session: session.id, to, type: 'text', text: 'Hi' });
const sendMany = async (count: number) => {
  const answers = await Promise.all(Array.from({ length: count }, () => send()));
  return answers.map(({ status }) => status);
};
const sql = (text: string, ...values: unknown[]) =>
  messaging.api.database.workerSql((query) => query(text, [tenant.tenantId, ...values]));
/** As if it had been told so much earlier. */
const toldEarlier = (ms: number) =>
  sql(
    `UPDATE limit_notices SET told_at = told_at - make_interval(secs => $2) WHERE tenant_id = $1`,
    ms / 1_000,
  );
const untilTold = (count: number) =>
  waitFor(async () => (await limits()).length >= count, { what: `${String(count)} reached limits` });

describe('limit.reached of a daily limit', () => {
  it('comes once a day, however many messages are refused at once and later, by several api processes', async () => {
    await messaging.node.become(session.id, interrupted());
    await change({ dailyMessageLimit: 2 });
    const statuses = await sendMany(20);
    expect(statuses.filter((status) => status === 429)).toHaveLength(18);
    const { DATABASE_URL, DATABASE_OWNER_URL, INTERNAL_SECRET, KEY_PEPPER } = messaging.api.config;
    const other = await startApi({ DATABASE_URL, DATABASE_OWNER_URL, INTERNAL_SECRET, KEY_PEPPER });
    const { client } = await other.createKey(tenant.tenantId);
    expect((await send(ALEX, client)).status).toBe(429);
    await other.close();
    const resetsAt = new Date(new Date().setUTCHours(24, 0, 0, 0)).toISOString();
    const reached = { limit: 'sessionDailyLimit', most: 2, messages: 'refused' };
    const told = await limits();
    expect(told).toMatchObject([reached]);
    expect(Date.parse(String(told[0]?.resetsAt))).toBe(Date.parse(resetsAt));
    await toldEarlier(24 * HOUR_MS);
    await sendMany(2);
    expect(await limits()).toMatchObject([reached, reached]);
  });

  it('comes again on the same day when a limit that was raised is reached', async () => {
    await messaging.node.become(session.id, interrupted());
    await change({ dailyMessageLimit: 1 });
    await sendMany(3);
    await change({ dailyMessageLimit: 2 });
    await sendMany(3);
    expect((await limits()).map(({ most }) => most)).toEqual([1, 2]);
  });

  it('says of the limit of a tenant that it is of no session', async () => {
    await messaging.node.become(session.id, interrupted());
    await sql('UPDATE tenants SET daily_message_limit = 1 WHERE id = $1');
    await sendMany(3);
    expect(await limits()).toMatchObject([{ limit: 'dailyLimit', most: 1, messages: 'refused' }]);
    const { body } = await tenant.client.get<{ data: { type: string; session: unknown }[] }>(
      '/events?after=0&type=limit.reached&wait=10',
    );
    expect(body.data).toMatchObject([{ type: 'limit.reached', session: null }]);
  });

  it('is not told as long as nothing was refused', async () => {
    await messaging.node.become(session.id, interrupted());
    await change({ dailyMessageLimit: 2 });
    expect(await sendMany(2)).toEqual([202, 202]);
    expect(await limits()).toEqual([]);
  });
});

describe('limit.reached of the pacing', () => {
  it('comes when a cap first holds a message back, and once in its window', async () => {
    await change({ pacing: { perHour: 1, perDay: 50 } });
    const { body: first } = await send();
    await statusOf(tenant, first.id, 'sent');
    expect(await limits()).toEqual([]);
    await send();
    await untilTold(1);
    const [told] = await limits();
    expect(told).toMatchObject({ limit: 'pacing.perHour', most: 1, messages: 'held' });
    const resetsInMs = Date.parse(String(told?.resetsAt)) - Date.now();
    expect(resetsInMs).toBeGreaterThan(HOUR_MS - 120_000);
    expect(resetsInMs).toBeLessThanOrEqual(HOUR_MS);
    // A change of the session is a reason to claim again.
    await change({ pacing: { perHour: 1, perDay: 1 } });
    await untilTold(2);
    expect((await limits()).map(({ limit }) => limit)).toEqual(['pacing.perHour', 'pacing.perDay']);
    await toldEarlier(HOUR_MS);
    await send(BODO, tenant.client);
    await change({ pacing: { perHour: 1, perDay: 2 } });
    await untilTold(3);
    expect((await limits()).map(({ limit }) => limit)).toEqual([
      'pacing.perHour',
      'pacing.perDay',
      'pacing.perHour',
    ]);
  });

  it('comes again within its window when a cap that was raised is reached', async () => {
    await change({ pacing: { perHour: 1 } });
    for (let count = 0; count < 3; count += 1) await send();
    await untilTold(1);
    await change({ pacing: { perHour: 2 } });
    await untilTold(2);
    expect((await limits()).map(({ most }) => most)).toEqual([1, 2]);
  });

  it('is not told as long as only a message under way fills the cap, which may not count', async () => {
    let end = (): void => undefined;
    const underWay = new Promise<void>((resolve) => (end = resolve));
    messaging.node.scripts['message.send'] = async (request) => {
      await underWay;
      return handed(request, 1);
    };
    await change({ pacing: { perHour: 1 } });
    const { body: first } = await send();
    await statusOf(tenant, first.id, 'sending');
    const notices = messaging.api.app.get(LimitNotices, { strict: false });
    await messaging.api.database.workerSql((query) => notices.tellPaced(query, session.id));
    expect(await limits()).toEqual([]);
    end();
    await statusOf(tenant, first.id, 'sent');
    await send();
    await untilTold(1);
    const [reached] = await limits();
    expect(reached?.limit).toBe('pacing.perHour');
    expect(reached?.resetsAt).not.toBeNull();
  });

  it('tells the cap for strangers only when it holds somebody back', async () => {
    await messaging.report(session.id, incoming('3EB0AA'));
    await change({ pacing: { strangersPerDay: 0 } });
    const { body: known } = await send();
    await statusOf(tenant, known.id, 'sent');
    expect(await limits()).toEqual([]);
    await send(BODO);
    await untilTold(1);
    expect(await limits()).toEqual([
      { limit: 'pacing.strangersPerDay', most: 0, resetsAt: null, messages: 'held' },
    ]);
  });
});
