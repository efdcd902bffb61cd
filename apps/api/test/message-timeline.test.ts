import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestTenant } from '../../../test/support/start-api.js';
import { waitFor } from '../../../test/support/index.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import type { MessageTimeline } from '../src/messages/timeline/timeline.dto.js';
import { ALEX, handed, incoming, Messaging, messageWhen, statusOf } from './messaging.js';
import { snapshot } from './scripted-node.js';

const TEXT = 'Nobody should read this twice';

let messaging: Messaging;

beforeAll(async () => {
  messaging = await Messaging.start();
});
afterAll(() => messaging.close());

async function send(tenant: TestTenant): Promise<string> {
  const { status, body } = await tenant.client.post<MessageResource>('/messages', {
    to: ALEX,
    type: 'text',
    text: TEXT,
  });
  expect(status).toBe(202);
  return body.id;
}

async function timelineOf(tenant: TestTenant, id: string): Promise<MessageTimeline> {
  const { status, body, bytes } = await tenant.client.get<MessageTimeline>(`/messages/${id}/timeline`);
  expect(status).toBe(200);
  // Neither what it says nor to whom.
  expect(bytes.toString()).not.toContain(TEXT);
  expect(bytes.toString()).not.toContain(ALEX);
  return body;
}

const kindsOf = ({ steps }: MessageTimeline) => steps.map(({ kind }) => kind);

describe('the timeline of a message', () => {
  it('tells every step from the acceptance to the last ack, in order, with the events that told of it', async () => {
    const { tenant, session } = await messaging.connect();
    let waMessageId = '';
    messaging.node.scripts['message.send'] = (request) => {
      waMessageId = request.waMessageId;
      return handed(request, 1);
    };
    const id = await send(tenant);
    await statusOf(tenant, id, 'sent');
    for (const ack of [2, 3]) await messaging.ack(session.id, waMessageId, ack);
    await statusOf(tenant, id, 'read');
    const timeline = await waitFor(
      async () => {
        const seen = await timelineOf(tenant, id);
        return seen.events.every(({ seq }) => seq !== null) && seen;
      },
      { what: 'the events to be numbered' },
    );
    expect(new Set(kindsOf(timeline))).toEqual(
      new Set(['accepted', 'claimed', 'called', 'attempt_ended', 'sent', 'delivered', 'read']),
    );
    expect(kindsOf(timeline)[0]).toBe('accepted');
    const times = timeline.steps.map(({ at }) => at);
    expect(times).toEqual(times.toSorted());
    expect(timeline.events.map(({ type }) => type)).toEqual([
      'message.sent',
      'message.delivered',
      'message.read',
    ]);
    expect(timeline.diagnosis.code).toBe('read');
    expect(timeline.durations.queuedMs).toBeGreaterThanOrEqual(0);
    const ended = timeline.steps.find(({ kind }) => kind === 'attempt_ended');
    expect(ended?.detail).toMatchObject({ attempt: 1, outcome: 'handed' });
  });

  it('says why it waits: behind how many, for which session, since when, and what to do', async () => {
    const { tenant, session } = await messaging.connect();
    const state = { state: 'interrupted', reason: 'network', action: 'open_phone' } as const;
    await messaging.node.become(session.id, snapshot(state));
    const ids = [await send(tenant), await send(tenant), await send(tenant)];
    const timeline = await timelineOf(tenant, ids[2]!);
    expect(timeline.queue).toEqual({ ahead: 2 });
    expect(timeline.diagnosis.code).toBe('session_not_connected');
    expect(timeline.diagnosis.summary).toMatch(
      /^Queued behind 2 messages; the session is interrupted since \d\d:\d\d UTC: /,
    );
    expect(timeline.diagnosis.advice).toMatch(/^Open WhatsApp on the phone/);
    expect((await timelineOf(tenant, ids[0]!)).diagnosis.summary).toMatch(/^First in the queue/);
    await tenant.client.post(`/messages/${ids[0]!}/cancel`);
    expect((await timelineOf(tenant, ids[0]!)).diagnosis.code).toBe('cancelled');
    expect((await timelineOf(tenant, ids[2]!)).queue).toEqual({ ahead: 1 });
  });

  it('tells of attempts that failed, and why the last one was the last', async () => {
    const { tenant } = await messaging.connect();
    messaging.node.scripts['message.send'] = () => ({
      outcome: 'not_sent',
      retry: false,
      code: 'not_on_whatsapp',
      reason: 'no such number',
    });
    const id = await send(tenant);
    await statusOf(tenant, id, 'failed');
    const timeline = await timelineOf(tenant, id);
    expect(timeline.diagnosis).toMatchObject({
      code: 'failed',
      summary: 'The recipient is not on WhatsApp.',
    });
    const ended = timeline.steps.find(({ kind }) => kind === 'attempt_ended');
    expect(ended?.detail).toMatchObject({ outcome: 'not_sent', reason: 'not_on_whatsapp' });
    expect(timeline.steps.at(-1)).toMatchObject({ kind: 'failed', detail: { code: 'not_on_whatsapp' } });
  });

  it('says of an attempt that nobody answered for that it did leave, once an ack proves it', async () => {
    const { tenant, session } = await messaging.connect();
    let waMessageId = '';
    messaging.node.scripts['message.send'] = (request) => {
      waMessageId = request.waMessageId;
      return { outcome: 'unknown', reason: 'page_lost' };
    };
    const id = await send(tenant);
    await statusOf(tenant, id, 'unknown');
    const endOf = async () =>
      (await timelineOf(tenant, id)).steps.find(({ kind }) => kind === 'attempt_ended');
    expect(await endOf()).toMatchObject({
      summary: 'Whether it left is not known.',
      detail: { outcome: 'unknown', reason: 'page_lost' },
    });
    await messaging.ack(session.id, waMessageId, 2);
    const { sentAt } = await statusOf(tenant, id, 'delivered');
    const end = await endOf();
    expect(end?.detail).toMatchObject({ outcome: 'handed', reason: 'page_lost', provenAt: sentAt });
    expect(end?.summary).toMatch(/^Handed to WhatsApp\. .+lost: page_lost\. .+ acknowledged it at \d{4}-/);
  });

  it('blames a message of unknown fate only while that holds the chat back, and else the cap that does', async () => {
    const { tenant, session } = await messaging.connect();
    messaging.node.scripts['message.send'] = () => ({ outcome: 'unknown', reason: 'page_lost' });
    const lost = await send(tenant);
    await statusOf(tenant, lost, 'unknown');
    const { diagnosis: unknown } = await timelineOf(tenant, lost);
    expect(unknown).toMatchObject({ code: 'fate_unknown' });
    expect(unknown.advice).toMatch(/Do not send it again: .+ until \d{4}-\d\d-\d\d \d\d:\d\d UTC, /);
    const change = (body: object) => tenant.client.request('PATCH', `/sessions/${session.id}`, body);
    expect((await change({ pacing: { strangersPerDay: 0 } })).status).toBe(200);
    const next = await send(tenant);
    const code = async () => (await timelineOf(tenant, next)).diagnosis.code;
    expect(await code()).toBe('chat_blocked');
    await messaging.api.database.workerSql((query) =>
      query(`UPDATE message_attempts SET ended_at = now() - interval '61 s' WHERE message_id = $1`, [lost]),
    );
    const { diagnosis, pacing } = await timelineOf(tenant, next);
    expect(diagnosis.code).toBe('paced');
    expect(diagnosis.summary).toMatch(/^First in the queue; .+`strangersPerDay` is 0/);
    expect(pacing).toEqual({ eta: null, expiresFirst: true });
    expect((await change({ strictOrder: true })).status).toBe(200);
    expect(await code()).toBe('chat_blocked');
  });

  it('numbers attempts as the message counts them: without those that never reached a page', async () => {
    const { tenant } = await messaging.connect();
    let calls = 0;
    messaging.node.scripts['message.send'] = (request) => {
      calls += 1;
      if (calls === 2) return handed(request, 1);
      return { outcome: 'not_sent', retry: true, code: 'page_gone', reason: 'loading' };
    };
    const id = await send(tenant);
    const { attempts } = await statusOf(tenant, id, 'sent');
    const { steps } = await timelineOf(tenant, id);
    const numbers = steps.filter(({ kind }) => kind === 'claimed').map(({ detail }) => detail.attempt);
    expect({ calls, attempts, numbers }).toEqual({ calls: 2, attempts: 1, numbers: [1] });
  });

  it('advises against sending again what somebody who opted out was to get', async () => {
    const { tenant, session } = await messaging.connect();
    await messaging.node.become(session.id, snapshot({ state: 'interrupted', reason: 'network' }));
    const id = await send(tenant);
    expect((await tenant.client.post('/opt-outs', { to: ALEX })).status).toBe(201);
    await statusOf(tenant, id, 'failed');
    expect((await timelineOf(tenant, id)).diagnosis).toMatchObject({
      code: 'failed',
      summary: 'The recipient asked not to be written to.',
      advice: expect.stringMatching(/^Do not send it/) as string,
    });
  });

  it('tells of one that came in, and is nobody else’s', async () => {
    const { tenant, session } = await messaging.connect();
    await messaging.report(session.id, incoming('3EB0TIMELINE', { content: { type: 'text', text: TEXT } }));
    const { body } = await tenant.client.get<{ data: MessageResource[] }>('/messages?direction=in');
    const { id } = body.data[0]!;
    await messageWhen(tenant, id, 'it to be received', ({ status }) => status === 'received');
    const timeline = await timelineOf(tenant, id);
    expect(kindsOf(timeline)).toEqual(['received']);
    expect(timeline.diagnosis.code).toBe('received');
    expect(timeline.durations).toEqual({ queuedMs: null, handOverMs: null, acknowledgementMs: null });
    const other = await messaging.api.createTenant();
    expect((await other.client.get(`/messages/${id}/timeline`)).status).toBe(404);
    const live = await messaging.api.createKey(tenant.tenantId, { mode: 'live' });
    expect((await live.client.get(`/messages/${id}/timeline`)).status).toBe(404);
  });
});
