import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import type { SessionView } from '../src/sessions/index.js';
import { ALEX, handed, incoming, Messaging, messageWhen, statusOf } from './messaging.js';
import { expectProblem, type PageBody, type SessionBody } from './session-bodies.js';

const BODO = '4915112345679';
const CARLA = '4915112345680';
/** Timers and clocks of two processes may disagree by so much. */
const SLACK_MS = 20;

let messaging: Messaging;
let tenant: TestTenant;
let session: SessionBody;
let calls: { messageId: string; chatId: string; atMs: number }[];
let others: TestApi[] = [];

beforeAll(async () => {
  messaging = await Messaging.start({ MESSAGE_ACK_TIMEOUT_SECONDS: '2' });
});
afterAll(() => messaging?.close());
beforeEach(async () => {
  ({ tenant, session } = await messaging.connect());
  calls = [];
  messaging.node.scripts['message.send'] = (request) => {
    calls.push({ messageId: request.messageId, chatId: request.chatId, atMs: Date.now() });
    return handed(request, 1);
  };
});
afterEach(async () => {
  for (const api of others) await api.close();
  others = [];
});

async function setPacing(pacing: object | null): Promise<void> {
  const { status } = await tenant.client.request('PATCH', `/sessions/${session.id}`, { pacing });
  expect(status).toBe(200);
}

async function send(to = ALEX, changes: object = {}): Promise<MessageResource> {
  const body = { session: session.id, to, type: 'text', text: 'Hi', ...changes };
  const answer = await tenant.client.post<MessageResource>('/messages', body);
  expect(answer.status).toBe(202);
  return answer.body;
}

async function sendMany(count: number, to = ALEX): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i += 1) ids.push((await send(to)).id);
  return ids;
}

const get = async (id: string) => (await tenant.client.get<MessageResource>(`/messages/${id}`)).body;
const show = async () => (await tenant.client.get<SessionView>(`/sessions/${session.id}`)).body;
const gaps = () => calls.slice(1).map(({ atMs }, index) => atMs - (calls[index]?.atMs ?? 0));

/** Another api process on the same database. */
async function anotherApi(): Promise<TestApi> {
  const { DATABASE_URL, DATABASE_OWNER_URL, INTERNAL_SECRET, KEY_PEPPER } = messaging.api.config;
  const api = await startApi({ DATABASE_URL, DATABASE_OWNER_URL, INTERNAL_SECRET, KEY_PEPPER });
  others.push(api);
  return api;
}

async function clientOf(api: TestApi) {
  return (await api.createKey(tenant.tenantId)).client;
}

async function eventsOf(type: string): Promise<Record<string, unknown>[]> {
  const rows = await messaging.api.database.workerSql((query) =>
    query<{ data: Record<string, unknown> }>(
      'SELECT data FROM events WHERE tenant_id = $1 AND type = $2 ORDER BY position',
      [tenant.tenantId, type],
    ),
  );
  return rows.map(({ data }) => data);
}

describe('the pacing of a session', () => {
  it('is shown as it was set, and refused where it makes no sense', async () => {
    const pacing = { gapMs: 1_000, jitterMs: 500, perMinute: 10, perDay: 100 };
    await setPacing({ ...pacing, ramp: { firstDay: 20, morePerDay: 10 } });
    expect((await show()).pacing).toEqual({
      ...pacing,
      perHour: null,
      strangersPerDay: null,
      ramp: { firstDay: 20, morePerDay: 10 },
    });
    await setPacing(null);
    expect((await show()).pacing).toBeNull();
    for (const [broken, path] of [
      [{ gapMs: -1 }, 'pacing.gapMs'],
      [{ perMinute: 0 }, 'pacing.perMinute'],
      [{ perWeek: 1 }, 'pacing.perWeek'],
      [{ ramp: { firstDay: 1, morePerDay: 1 } }, 'pacing.ramp'],
    ] as const) {
      const answer = await tenant.client.request('PATCH', `/sessions/${session.id}`, { pacing: broken });
      expect(expectProblem(answer, 400, 'invalid_request').errors?.map((one) => one.path)).toContain(path);
    }
    expect((await show()).pacing).toBeNull();
  });

  it('keeps the gap, says when a message leaves, and hands over in order', async () => {
    await setPacing({ gapMs: 400 });
    const ids = await sendMany(4);
    const last = await get(ids[3] ?? '');
    expect(last.status).toBe('queued');
    const etaMs = Date.parse(last.eta ?? '');
    await statusOf(tenant, last.id, 'sent');
    expect(calls.map(({ messageId }) => messageId)).toEqual(ids);
    for (const gap of gaps()) expect(gap).toBeGreaterThanOrEqual(400 - SLACK_MS);
    expect(Math.abs((calls[3]?.atMs ?? 0) - etaMs)).toBeLessThan(2_000);
    expect((await get(last.id)).eta).toBeNull();
  });

  it('stops at a cap with an eta, counts what left before it, and a looser one lets go at once', async () => {
    const before = await sendMany(2);
    for (const id of before) await statusOf(tenant, id, 'sent');
    await setPacing({ perDay: 3 });
    const ids = await sendMany(3);
    await statusOf(tenant, ids[0] ?? '', 'sent');
    const held = await messageWhen(tenant, ids[1] ?? '', 'an eta', ({ eta }) => eta !== null);
    expect(held.status).toBe('queued');
    const inADayMs = Date.parse(held.eta ?? '') - Date.now();
    expect(inADayMs).toBeGreaterThan(86_000_000);
    expect(inADayMs).toBeLessThanOrEqual(86_400_000);
    const accepted = await send();
    expect(Date.parse(accepted.eta ?? '') - Date.now()).toBeGreaterThan(86_000_000);
    const preview = await tenant.client.post<{ eta: string }>('/messages?dryRun=true', {
      session: session.id,
      to: ALEX,
      type: 'text',
      text: 'Hi',
    });
    expect(Date.parse(preview.body.eta) - Date.now()).toBeGreaterThan(86_000_000);
    expect(calls).toHaveLength(3);
    await setPacing({});
    for (const id of [...ids, accepted.id]) await statusOf(tenant, id, 'sent');
    expect(calls).toHaveLength(6);
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
    await setPacing({ perDay: 2_501 });
    const [last = '', held = ''] = await sendMany(2);
    await statusOf(tenant, last, 'sent');
    const shown = await messageWhen(tenant, held, 'an eta', ({ eta }) => eta !== null);
    expect(shown.status).toBe('queued');
    expect(calls).toHaveLength(1);
  });

  it('accepts without an eta when the queue cannot be read, however many come at once', async () => {
    await setPacing({ perDay: 1_000 });
    await messaging.api.database.workerSql(async (query) => {
      await query('LOCK TABLE message_attempts IN ACCESS EXCLUSIVE MODE');
      const accepted = await Promise.all(Array.from({ length: 50 }, () => send()));
      expect(new Set(accepted.map(({ eta }) => eta))).toEqual(new Set([null]));
    });
    const [last = ''] = await sendMany(1);
    await statusOf(tenant, last, 'sent');
  });

  it('holds over several processes and their restarts', async () => {
    await setPacing({ gapMs: 300, perMinute: 6 });
    const second = await anotherApi();
    const clients = [tenant.client, await clientOf(second)];
    const ids: string[] = [];
    for (let i = 0; i < 8; i += 1) {
      const body = { session: session.id, to: i % 2 ? ALEX : BODO, type: 'text', text: 'Hi' };
      const answer = await clients[i % 2]?.post<MessageResource>('/messages', body);
      ids.push(answer?.body.id ?? '');
    }
    await waitFor(() => Promise.resolve(calls.length >= 3), { what: 'three sends' });
    await second.close();
    others = [];
    await anotherApi();
    await waitFor(() => Promise.resolve(calls.length >= 6), { what: 'six sends' });
    const held = await waitFor(
      async () => {
        const shown = await Promise.all(ids.map(get));
        const queued = shown.filter(({ status }) => status === 'queued');
        return queued.length === 2 && queued;
      },
      { what: 'two messages to wait for the next minute' },
    );
    for (const { eta } of held) {
      expect(Date.parse(eta ?? '')).toBeGreaterThanOrEqual((calls[0]?.atMs ?? 0) + 60_000 - SLACK_MS);
    }
    expect(calls).toHaveLength(6);
    for (const gap of gaps()) expect(gap).toBeGreaterThanOrEqual(300 - SLACK_MS);
  });

  it('caps what goes to people who never wrote, and lets the others pass', async () => {
    await setPacing({ strangersPerDay: 1 });
    await messaging.report(session.id, incoming('3EB0AAAAAAAAAAAAAAAAAA01'));
    const first = await send(BODO);
    const held = await send(CARLA);
    const known = await send(ALEX);
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
    await setPacing({ gapMs: 500 });
    const ids = await sendMany(4);
    const code = await send(BODO, { priority: 9 });
    await statusOf(tenant, ids[3] ?? '', 'sent');
    const order = calls.map(({ messageId }) => messageId);
    expect(order.indexOf(code.id)).toBeLessThan(order.indexOf(ids[3] ?? ''));
    for (const gap of gaps()) expect(gap).toBeGreaterThanOrEqual(500 - SLACK_MS);
  });
});

describe('a paused session', () => {
  it('accepts and keeps what it is to send until it is resumed, with its events and in the audit log', async () => {
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const paused = await tenant.client.post<SessionView>(`/sessions/${session.id}/pause`, { until });
    expect(paused.body.paused).toEqual({ since: expect.any(String) as string, reason: 'requested', until });
    const again = await tenant.client.post<SessionView>(`/sessions/${session.id}/pause`);
    expect(again.body.paused).toMatchObject({ since: paused.body.paused?.since, until: null });
    const message = await send();
    await setPacing({ gapMs: 1 });
    expect(await get(message.id)).toMatchObject({ status: 'queued', eta: null });
    expect(calls).toEqual([]);
    const resumed = await tenant.client.post<SessionView>(`/sessions/${session.id}/resume`);
    expect(resumed.body.paused).toBeNull();
    await statusOf(tenant, message.id, 'sent');
    expect((await tenant.client.post<SessionView>(`/sessions/${session.id}/resume`)).status).toBe(200);
    expect(await eventsOf('session.paused')).toMatchObject([{ reason: 'requested', until }]);
    expect(await eventsOf('session.resumed')).toHaveLength(1);
    const audit = await messaging.api.database.workerSql((query) =>
      query<{ action: string }>(
        `SELECT action FROM audit_log WHERE tenant_id = $1 AND action LIKE 'session.%ed' ORDER BY id`,
        [tenant.tenantId],
      ),
    );
    expect(audit.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['session.paused', 'session.resumed']),
    );
  });

  it('gives back what was claimed and not called', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    messaging.node.scripts['message.send'] = async (request) => {
      calls.push({ messageId: request.messageId, chatId: request.chatId, atMs: Date.now() });
      await gate;
      return handed(request, 1);
    };
    const ids = await sendMany(6);
    await waitFor(() => Promise.resolve(calls.length === 1), { what: 'the first send' });
    await tenant.client.post(`/sessions/${session.id}/pause`);
    await waitFor(
      async () => (await Promise.all(ids.slice(1).map(get))).every(({ status }) => status === 'queued'),
      { what: 'the others to be queued again' },
    );
    release();
    await statusOf(tenant, ids[0] ?? '', 'sent');
    expect(calls).toHaveLength(1);
    await tenant.client.post(`/sessions/${session.id}/resume`);
    for (const id of ids) await statusOf(tenant, id, 'sent');
    expect(calls.map(({ messageId }) => messageId)).toEqual(ids);
  });

  it('resumes by itself when its time is over', async () => {
    const until = new Date(Date.now() + 1_500).toISOString();
    await tenant.client.post(`/sessions/${session.id}/pause`, { until });
    const message = await send();
    expect((await show()).paused?.until).toBe(until);
    await statusOf(tenant, message.id, 'sent');
    expect(calls[0]?.atMs).toBeGreaterThanOrEqual(Date.parse(until) - SLACK_MS);
    expect((await show()).paused).toBeNull();
    const past = await tenant.client.post(`/sessions/${session.id}/pause`, { until });
    expect(expectProblem(past, 400, 'invalid_request').errors?.[0]?.path).toBe('until');
  });

  it('is paused by a block, and stays so until somebody resumes it', async () => {
    const banned = { state: 'failed', reason: 'banned', action: null, detail: null } as const;
    const since = new Date().toISOString();
    await messaging.node.become(session.id, { ...banned, since, provenAt: null, me: null });
    expect((await show()).paused).toMatchObject({ reason: 'banned', until: null });
    expect(await eventsOf('session.paused')).toMatchObject([{ reason: 'banned' }]);
  });

  it('is paused after many recipients in a row that are not on WhatsApp, not when others are between', async () => {
    const missing = new Set<string>();
    messaging.node.scripts['message.send'] = (request) => {
      calls.push({ messageId: request.messageId, chatId: request.chatId, atMs: Date.now() });
      if (!missing.has(request.messageId)) return handed(request, 1);
      return { outcome: 'not_sent', retry: false, code: 'not_on_whatsapp', reason: 'no such number' };
    };
    await tenant.client.post(`/sessions/${session.id}/pause`);
    const ids = await sendMany(20);
    for (const [index, id] of ids.entries()) if (index !== 9) missing.add(id);
    await tenant.client.post(`/sessions/${session.id}/resume`);
    const paused = await waitFor(async () => (await show()).paused ?? undefined, {
      what: 'the session to be paused',
    });
    expect(paused).toMatchObject({ reason: 'not_on_whatsapp', until: null });
    expect((await get(ids[19] ?? '')).status).toBe('failed');
    const waiting = await send();
    expect((await tenant.client.get<PageBody<object>>('/messages?status=queued')).body.data).toHaveLength(1);
    await tenant.client.post(`/sessions/${session.id}/resume`);
    await statusOf(tenant, waiting.id, 'sent');
    expect((await show()).paused).toBeNull();
  });

  it('is paused when WhatsApp acknowledges nothing any more', async () => {
    messaging.node.scripts['message.send'] = (request) => handed(request, 0);
    messaging.node.scripts['message.lookup'] = () => ({ found: [], neverStarted: [] });
    const ids = await sendMany(5);
    const paused = await waitFor(async () => (await show()).paused ?? undefined, {
      what: 'the session to be paused',
    });
    expect(paused.reason).toBe('unacknowledged');
    expect((await Promise.all(ids.map(get))).map(({ status }) => status)).toEqual(ids.map(() => 'unknown'));
  });
});

describe('"typing"', () => {
  const typingOf = () =>
    messaging.node
      .callsOf('message.send')
      .filter((call) => call.sessionId === session.id)
      .map((call) => call.typingMs);

  it('is asked of the node as the message says, else as the session does, for a time by the length', async () => {
    await statusOf(tenant, (await send()).id, 'sent');
    await statusOf(tenant, (await send(ALEX, { typing: true })).id, 'sent');
    await tenant.client.request('PATCH', `/sessions/${session.id}`, { typing: true });
    await statusOf(tenant, (await send(ALEX, { text: 'x'.repeat(1_000) })).id, 'sent');
    await statusOf(tenant, (await send(ALEX, { typing: false })).id, 'sent');
    expect(typingOf()).toEqual([0, 900, 8_000, 0]);
  });
});
