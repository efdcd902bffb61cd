import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import type { MessageTimeline } from '../src/messages/timeline/timeline.dto.js';
import { ALEX, incoming, Messaging, messageWhen, statusOf } from './messaging.js';
import { SendingSession } from './sending-session.js';
import { expectProblem, type SessionBody } from './session-bodies.js';

const BODO = '4915112345679';
const CARLA = '4915112345680';
/** Timers and clocks of two processes may disagree by so much. */
const SLACK_MS = 20;

let messaging: Messaging;
let tenant: TestTenant;
let session: SessionBody;
let sending: SendingSession;
let others: TestApi[] = [];

beforeAll(async () => {
  messaging = await Messaging.start();
});
afterAll(() => messaging?.close());
beforeEach(async () => {
  sending = await SendingSession.connect(messaging);
  ({ tenant, session } = sending);
});
afterEach(async () => {
  for (const api of others) await api.close();
  others = [];
});

/** Another api process on the same database. */
async function anotherApi(): Promise<TestApi> {
  const { DATABASE_URL, DATABASE_OWNER_URL, INTERNAL_SECRET, KEY_PEPPER } = messaging.api.config;
  const api = await startApi({ DATABASE_URL, DATABASE_OWNER_URL, INTERNAL_SECRET, KEY_PEPPER });
  others.push(api);
  return api;
}

/** Later than what a cap of a day holds back. */
function inTwoDays(): { expiresAt: string } {
  return { expiresAt: new Date(Date.now() + 2 * 86_400_000).toISOString() };
}

async function clientOf(api: TestApi) {
  return (await api.createKey(tenant.tenantId)).client;
}

describe('the pacing of a session', () => {
  it('is shown as it was set, and refused where it makes no sense', async () => {
    const pacing = { gapMs: 1_000, jitterMs: 500, perMinute: 10, perDay: 100 };
    await sending.setPacing({ ...pacing, ramp: { firstDay: 20, morePerDay: 10 } });
    expect((await sending.show()).pacing).toEqual({
      ...pacing,
      perHour: null,
      strangersPerDay: null,
      ramp: { firstDay: 20, morePerDay: 10 },
    });
    await sending.setPacing(null);
    expect((await sending.show()).pacing).toBeNull();
    for (const [broken, path] of [
      [{ gapMs: -1 }, 'pacing.gapMs'],
      [{ perMinute: 0 }, 'pacing.perMinute'],
      [{ perWeek: 1 }, 'pacing.perWeek'],
      [{ ramp: { firstDay: 1, morePerDay: 1 } }, 'pacing.ramp'],
    ] as const) {
      const answer = await tenant.client.request('PATCH', `/sessions/${session.id}`, { pacing: broken });
      expect(expectProblem(answer, 400, 'invalid_request').errors?.map((one) => one.path)).toContain(path);
    }
    expect((await sending.show()).pacing).toBeNull();
  });

  it('keeps the gap, says when a message leaves, and hands over in order', async () => {
    await sending.setPacing({ gapMs: 400 });
    const ids = await sending.sendMany(4);
    const last = await sending.get(ids[3] ?? '');
    expect(last.status).toBe('queued');
    const etaMs = Date.parse(last.eta ?? '');
    await statusOf(tenant, last.id, 'sent');
    expect(sending.calls.map(({ messageId }) => messageId)).toEqual(ids);
    for (const gap of sending.gaps()) expect(gap).toBeGreaterThanOrEqual(400 - SLACK_MS);
    expect(Math.abs((sending.calls[3]?.atMs ?? 0) - etaMs)).toBeLessThan(2_000);
    expect((await sending.get(last.id)).eta).toBeNull();
  });

  it('stops at a cap with an eta, counts what left before it, and a looser one lets go at once', async () => {
    const before = await sending.sendMany(2);
    for (const id of before) await statusOf(tenant, id, 'sent');
    await sending.setPacing({ perDay: 3 });
    const ids = await sending.sendMany(3);
    await statusOf(tenant, ids[0] ?? '', 'sent');
    const held = await messageWhen(tenant, ids[1] ?? '', 'an eta', ({ eta }) => eta !== null);
    expect(held.status).toBe('queued');
    const inADayMs = Date.parse(held.eta ?? '') - Date.now();
    expect(inADayMs).toBeGreaterThan(86_000_000);
    expect(inADayMs).toBeLessThanOrEqual(86_400_000);
    const accepted = await sending.send(ALEX, inTwoDays());
    expect(Date.parse(accepted.eta ?? '') - Date.now()).toBeGreaterThan(86_000_000);
    const preview = await tenant.client.post<{ eta: string }>('/messages?dryRun=true', {
      session: session.id,
      to: ALEX,
      type: 'text',
      text: 'Hi',
      ...inTwoDays(),
    });
    expect(Date.parse(preview.body.eta) - Date.now()).toBeGreaterThan(86_000_000);
    expect(sending.calls).toHaveLength(3);
    await sending.setPacing({});
    for (const id of [...ids, accepted.id]) await statusOf(tenant, id, 'sent');
    expect(sending.calls).toHaveLength(6);
  });

  it('promises no time at which a message will have expired, and says that it will', async () => {
    await sending.setPacing({ perDay: 1 });
    await statusOf(tenant, (await sending.send()).id, 'sent');
    const inTime = { eta: expect.stringMatching(/Z$/) as string, expiresFirst: false };
    const tooLate = { eta: null, expiresFirst: true };
    const inAnHour = { expiresAt: new Date(Date.now() + 3_600_000).toISOString() };
    const preview = async (changes: object) => {
      const body = { session: session.id, to: ALEX, type: 'text', text: 'Hi', ...changes };
      return (await tenant.client.post('/messages?dryRun=true', body)).body;
    };
    expect(await preview(inAnHour)).toMatchObject(tooLate);
    expect(await preview(inTwoDays())).toMatchObject(inTime);
    const waiting = await sending.send(ALEX, inTwoDays());
    expect(waiting).toMatchObject(inTime);
    expect(await sending.get(waiting.id)).toMatchObject(inTime);
    const late = await sending.send(ALEX, { ...inAnHour, priority: 9 });
    expect(late).toMatchObject(tooLate);
    expect(await sending.get(late.id)).toMatchObject(tooLate);
    const { body } = await tenant.client.get<MessageTimeline>(`/messages/${late.id}/timeline`);
    expect(body.pacing).toEqual(tooLate);
    expect(body.diagnosis.summary).toMatch(/would come at about .+ but it expires at/);
    await sending.setPacing({ strangersPerDay: 0 });
    expect(await preview(inTwoDays())).toMatchObject(tooLate);
    expect(await sending.get(waiting.id)).toMatchObject(tooLate);
    const until = new Date(Date.now() + 3 * 86_400_000).toISOString();
    await tenant.client.post(`/sessions/${session.id}/pause`, { until });
    await sending.setPacing({});
    expect(await preview(inTwoDays())).toMatchObject(tooLate);
    expect(await sending.get(waiting.id)).toMatchObject(tooLate);
    await tenant.client.post(`/sessions/${session.id}/resume`);
    expect(await statusOf(tenant, waiting.id, 'sent')).toMatchObject({ eta: null, expiresFirst: false });
  });

  it('counts what left before it also where that is more than is counted in one go', async () => {
    await messaging.api.database.workerSql((query) =>
      query(
        `WITH sent AS (
           INSERT INTO messages (tenant_id, id, session_id, direction, origin, chat_wa_id, type, content, status, claims)
           SELECT $1, $2 || i, $2, 'out', 'api', '1@c.us', 'text', '{}', 'sent', 1 FROM generate_series(1, 2500) i
           RETURNING id)
         INSERT INTO message_attempts (tenant_id, message_id, number, session_id, wa_message_id, node_name,
           node_boot_id, epoch, claimed_by, outcome, ended_at)
         SELECT $1, id, 1, $2, id, 'n', 'b', 1, 'a', 'handed', now() FROM sent`,
        [tenant.tenantId, session.id],
      ),
    );
    await sending.setPacing({ perDay: 2_501 });
    const [last = '', held = ''] = await sending.sendMany(2);
    await statusOf(tenant, last, 'sent');
    const shown = await messageWhen(tenant, held, 'an eta', ({ eta }) => eta !== null);
    expect(shown.status).toBe('queued');
    expect(sending.calls).toHaveLength(1);
  });

  it('accepts without an eta when the queue cannot be read, however many come at once', async () => {
    await sending.setPacing({ perDay: 1_000 });
    await messaging.api.database.workerSql(async (query) => {
      await query('LOCK TABLE message_attempts IN ACCESS EXCLUSIVE MODE');
      const accepted = await Promise.all(Array.from({ length: 50 }, () => sending.send()));
      expect(new Set(accepted.map(({ eta }) => eta))).toEqual(new Set([null]));
    });
    const [last = ''] = await sending.sendMany(1);
    await statusOf(tenant, last, 'sent');
  });

  it('holds over several processes and their restarts', async () => {
    await sending.setPacing({ gapMs: 300, perMinute: 6 });
    const second = await anotherApi();
    const clients = [tenant.client, await clientOf(second)];
    const ids: string[] = [];
    for (let i = 0; i < 8; i += 1) {
      const body = { session: session.id, to: i % 2 ? ALEX : BODO, type: 'text', text: 'Hi' };
      const answer = await clients[i % 2]?.post<MessageResource>('/messages', body);
      ids.push(answer?.body.id ?? '');
    }
    await waitFor(() => Promise.resolve(sending.calls.length >= 3), { what: 'three sends' });
    await second.close();
    others = [];
    await anotherApi();
    await waitFor(() => Promise.resolve(sending.calls.length >= 6), { what: 'six sends' });
    const held = await waitFor(
      async () => {
        const shown = await Promise.all(ids.map((id) => sending.get(id)));
        const queued = shown.filter(({ status }) => status === 'queued');
        return queued.length === 2 && queued;
      },
      { what: 'two messages to wait for the next minute' },
    );
    for (const { eta } of held) {
      expect(Date.parse(eta ?? '')).toBeGreaterThanOrEqual((sending.calls[0]?.atMs ?? 0) + 60_000 - SLACK_MS);
    }
    expect(sending.calls).toHaveLength(6);
    for (const gap of sending.gaps()) expect(gap).toBeGreaterThanOrEqual(300 - SLACK_MS);
  });

  it('caps what goes to people who never wrote, and lets the others pass', async () => {
    await sending.setPacing({ strangersPerDay: 1 });
    await messaging.report(session.id, incoming('3EB0AAAAAAAAAAAAAAAAAA01'));
    const first = await sending.send(BODO);
    const held = await sending.send(CARLA, inTwoDays());
    const known = await sending.send(ALEX);
    await statusOf(tenant, first.id, 'sent');
    await statusOf(tenant, known.id, 'sent');
    const shown = await messageWhen(tenant, held.id, 'an eta', ({ eta }) => eta !== null);
    expect(shown.status).toBe('queued');
    expect(Date.parse(shown.eta ?? '') - Date.now()).toBeGreaterThan(86_000_000);
    const person = { id: `${CARLA}@c.us`, phone: CARLA, lid: null, name: 'Carla' };
    await messaging.report(
      session.id,
      incoming('3EB0AAAAAAAAAAAAAAAAAA02', {
        waKey: `false_${CARLA}@c.us_3EB0AAAAAAAAAAAAAAAAAA02`,
        chat: { ...person, kind: 'person' },
        author: person,
      }),
    );
    // Who wrote is no stranger any more.
    await statusOf(tenant, held.id, 'sent');
  });

  it('lets a higher priority overtake, and break no cap', async () => {
    await sending.setPacing({ gapMs: 500 });
    const ids = await sending.sendMany(4);
    const code = await sending.send(BODO, { priority: 9 });
    await statusOf(tenant, ids[3] ?? '', 'sent');
    const order = sending.calls.map(({ messageId }) => messageId);
    expect(order.indexOf(code.id)).toBeLessThan(order.indexOf(ids[3] ?? ''));
    for (const gap of sending.gaps()) expect(gap).toBeGreaterThanOrEqual(500 - SLACK_MS);
  });
});

describe('"typing"', () => {
  const typingOf = () =>
    messaging.node
      .callsOf('message.send')
      .filter((call) => call.sessionId === session.id)
      .map((call) => call.typingMs);

  it('is asked of the node as the message says, else as the session does, for a time by the length', async () => {
    await statusOf(tenant, (await sending.send()).id, 'sent');
    await statusOf(tenant, (await sending.send(ALEX, { typing: true })).id, 'sent');
    await tenant.client.request('PATCH', `/sessions/${session.id}`, { typing: true });
    await statusOf(tenant, (await sending.send(ALEX, { text: 'x'.repeat(1_000) })).id, 'sent');
    await statusOf(tenant, (await sending.send(ALEX, { typing: false })).id, 'sent');
    expect(typingOf()).toEqual([0, 900, 8_000, 0]);
  });
});
