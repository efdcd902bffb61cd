import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import type { TestTenant } from '../../../test/support/start-api.js';
import type { SessionView } from '../src/sessions/index.js';
import { ALEX, handed, Messaging, statusOf } from './messaging.js';
import { SendingSession } from './sending-session.js';
import { expectProblem, type PageBody, type SessionBody } from './session-bodies.js';

/** Timers and clocks of two processes may disagree by so much. */
const SLACK_MS = 20;

let messaging: Messaging;
let tenant: TestTenant;
let session: SessionBody;
let sending: SendingSession;

beforeAll(async () => {
  messaging = await Messaging.start({ MESSAGE_ACK_TIMEOUT_SECONDS: '2' });
});
afterAll(() => messaging?.close());
beforeEach(async () => {
  sending = await SendingSession.connect(messaging);
  ({ tenant, session } = sending);
});

describe('a paused session', () => {
  it('accepts and keeps what it is to send until it is resumed, with its events and in the audit log', async () => {
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const paused = await tenant.client.post<SessionView>(`/sessions/${session.id}/pause`, { until });
    expect(paused.body.paused).toEqual({ since: expect.any(String) as string, reason: 'requested', until });
    const again = await tenant.client.post<SessionView>(`/sessions/${session.id}/pause`);
    expect(again.body.paused).toMatchObject({ since: paused.body.paused?.since, until: null });
    const message = await sending.send();
    await sending.setPacing({ gapMs: 1 });
    expect(await sending.get(message.id)).toMatchObject({ status: 'queued', eta: null });
    const body = { session: session.id, to: ALEX, type: 'text', text: 'Hi' };
    // An api process remembers a session until it is told of a change.
    const previewed = (what: SessionView['paused']) =>
      waitFor(
        async () => {
          const preview = await tenant.client.post<{ session: SessionView }>('/messages?dryRun=true', body);
          return isDeepStrictEqual(preview.body.session.paused, what);
        },
        { what: 'a dry run to tell of the pause, or of its end' },
      );
    await previewed(again.body.paused);
    expect(sending.calls).toEqual([]);
    const resumed = await tenant.client.post<SessionView>(`/sessions/${session.id}/resume`);
    expect(resumed.body.paused).toBeNull();
    await previewed(null);
    await statusOf(tenant, message.id, 'sent');
    expect((await tenant.client.post<SessionView>(`/sessions/${session.id}/resume`)).status).toBe(200);
    expect(await sending.events('session.paused')).toMatchObject([{ reason: 'requested', until }]);
    expect(await sending.events('session.resumed')).toHaveLength(1);
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
      sending.note(request);
      await gate;
      return handed(request, 1);
    };
    const ids = await sending.sendMany(6);
    await waitFor(() => Promise.resolve(sending.calls.length === 1), { what: 'the first send' });
    await tenant.client.post(`/sessions/${session.id}/pause`);
    await waitFor(
      async () =>
        (await Promise.all(ids.slice(1).map((id) => sending.get(id)))).every(
          ({ status }) => status === 'queued',
        ),
      { what: 'the others to be queued again' },
    );
    release();
    await statusOf(tenant, ids[0] ?? '', 'sent');
    expect(sending.calls).toHaveLength(1);
    await tenant.client.post(`/sessions/${session.id}/resume`);
    for (const id of ids) await statusOf(tenant, id, 'sent');
    expect(sending.calls.map(({ messageId }) => messageId)).toEqual(ids);
  });

  it('resumes by itself when its time is over', async () => {
    const until = new Date(Date.now() + 1_500).toISOString();
    await tenant.client.post(`/sessions/${session.id}/pause`, { until });
    const message = await sending.send();
    expect((await sending.show()).paused?.until).toBe(until);
    await statusOf(tenant, message.id, 'sent');
    expect(sending.calls[0]?.atMs).toBeGreaterThanOrEqual(Date.parse(until) - SLACK_MS);
    expect((await sending.show()).paused).toBeNull();
    const past = await tenant.client.post(`/sessions/${session.id}/pause`, { until });
    expect(expectProblem(past, 400, 'invalid_request').errors?.[0]?.path).toBe('until');
  });

  it('is paused by a block, and stays so until somebody resumes it', async () => {
    const banned = { state: 'failed', reason: 'banned', action: null, detail: null } as const;
    const since = new Date().toISOString();
    await messaging.node.become(session.id, { ...banned, since, provenAt: null, me: null });
    expect((await sending.show()).paused).toMatchObject({ reason: 'banned', until: null });
    expect(await sending.events('session.paused')).toMatchObject([{ reason: 'banned' }]);
  });

  it('is paused after many recipients in a row that are not on WhatsApp, not when others are between', async () => {
    const missing = new Set<string>();
    messaging.node.scripts['message.send'] = (request) => {
      sending.note(request);
      if (!missing.has(request.messageId)) return handed(request, 1);
      return { outcome: 'not_sent', retry: false, code: 'not_on_whatsapp', reason: 'no such number' };
    };
    await tenant.client.post(`/sessions/${session.id}/pause`);
    const ids = await sending.sendMany(20);
    for (const [index, id] of ids.entries()) if (index !== 9) missing.add(id);
    await tenant.client.post(`/sessions/${session.id}/resume`);
    const paused = await waitFor(async () => (await sending.show()).paused ?? undefined, {
      what: 'the session to be paused',
    });
    expect(paused).toMatchObject({ reason: 'not_on_whatsapp', until: null });
    expect((await sending.get(ids[19] ?? '')).status).toBe('failed');
    const waiting = await sending.send();
    expect((await tenant.client.get<PageBody<object>>('/messages?status=queued')).body.data).toHaveLength(1);
    await tenant.client.post(`/sessions/${session.id}/resume`);
    await statusOf(tenant, waiting.id, 'sent');
    expect((await sending.show()).paused).toBeNull();
  });

  it('is paused when WhatsApp acknowledges nothing any more', async () => {
    messaging.node.scripts['message.send'] = (request) => handed(request, 0);
    messaging.node.scripts['message.lookup'] = () => ({ found: [], neverStarted: [] });
    const ids = await sending.sendMany(5);
    const paused = await waitFor(async () => (await sending.show()).paused ?? undefined, {
      what: 'the session to be paused',
    });
    expect(paused.reason).toBe('unacknowledged');
    expect((await Promise.all(ids.map((id) => sending.get(id)))).map(({ status }) => status)).toEqual(
      ids.map(() => 'unknown'),
    );
  });
});
