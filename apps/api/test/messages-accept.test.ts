import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import type { TestTenant } from '../../../test/support/start-api.js';
import { canonicalJson } from '../src/idempotency/idempotency-key.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { ALEX, handed, interrupted, Messaging, tracesOf } from './messaging.js';
import { expectProblem, type PageBody, type SessionBody } from './session-bodies.js';

/** A GIF of one pixel. */
const GIF = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');

let messaging: Messaging;
let tenant: TestTenant;
let session: SessionBody;

beforeAll(async () => {
  messaging = await Messaging.start();
  messaging.node.scripts['message.send'] = (request) => handed(request, 1);
  ({ tenant, session } = await messaging.connect());
  // Nothing leaves, so that the queue shows what was accepted.
  await messaging.node.become(session.id, interrupted());
});
afterAll(async () => {
  await messaging?.close();
});

const traces = () => tracesOf(messaging, tenant.tenantId);

const text = (changes: object = {}) => ({
  session: session.id,
  to: ALEX,
  type: 'text',
  text: 'Hi',
  ...changes,
});
const image = (media: object, changes: object = {}) => ({
  session: session.id,
  to: ALEX,
  type: 'image',
  media,
  ...changes,
});

describe('a daily cap', () => {
  it('lets exactly as many in as it says, however many come at once, and keeps no key of the others', async () => {
    const { tenant: capped, session: own } = await messaging.connect();
    await messaging.node.become(own.id, interrupted());
    const limitTo = (dailyMessageLimit: number) =>
      capped.client.request('PATCH', `/sessions/${own.id}`, { dailyMessageLimit });
    await limitTo(20);
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        capped.client.post(
          '/messages',
          { to: ALEX, type: 'text', text: 'Hi' },
          { 'idempotency-key': `k${String(i)}` },
        ),
      ),
    );
    const accepted = answers.filter((answer) => answer.status === 202);
    expect(accepted).toHaveLength(20);
    const refused = answers.find((answer) => answer.status !== 202);
    if (refused) expectProblem(refused, 429, 'daily_limit_reached');
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
    const list = await capped.client.get<PageBody<MessageResource>>('/messages?limit=100');
    expect(list.body.data).toHaveLength(20);
    const [{ keys } = { keys: -1 }] = await messaging.api.database.workerSql((query) =>
      query<{ keys: number }>(`SELECT count(*)::int AS keys FROM idempotency_keys WHERE tenant_id = $1`, [
        capped.tenantId,
      ]),
    );
    expect(keys).toBe(20);
    await limitTo(5);
    const dryRun = await capped.client.post('/messages?dryRun=true', text({ session: own.id }));
    expect(dryRun.body).toMatchObject({ quota: { sessionRemaining: 0 } });
  });
});

describe('an Idempotency-Key', () => {
  it('makes one message of fifty equal requests at once, and gives all the same answer', async () => {
    const headers = { 'idempotency-key': 'fifty' };
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => tenant.client.post<MessageResource>('/messages', text(), headers)),
    );
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
    expect(new Set(answers.map((answer) => JSON.stringify(answer.body))).size).toBe(1);
    expect(answers.filter((answer) => answer.headers.get('idempotent-replayed') === 'true')).toHaveLength(49);
    expectProblem(
      await tenant.client.post('/messages', text({ text: 'Ho' }), headers),
      422,
      'idempotency_key_reused',
    );
  });

  it('belongs to one operation, and is not taken by a dry run', async () => {
    const headers = { 'idempotency-key': 'of one operation' };
    const short = { session: session.id, to: ALEX, message: 'Hi' };
    const post = (path: string, body: object) => tenant.client.post<MessageResource>(path, body, headers);
    expect((await post('/messages?dryRun=true', text({ text: 'Ho' }))).status).toBe(200);
    const answers = [await post('/messages', text()), await post('/messages/send-text', short)];
    expect(answers.map(({ status, headers: got }) => [status, got.get('idempotent-replayed')])).toEqual([
      [202, null],
      [202, null],
    ]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(2);
    expect((await post('/messages?dryRun=true', text({ text: 'Ho' }))).status).toBe(200);
  });

  it.each([
    ['', '?wait=sent'],
    ['?wait=sent', ''],
    ['?wait=sent', '?wait=delivered'],
  ])('gives the same message whatever the answer waits for: "%s", then "%s"', async (first, then) => {
    const headers = { 'idempotency-key': `waits${first},${then}.` };
    // Cancelled at once, so that nobody waits for long.
    const early = tenant.client.post<MessageResource>(`/messages${first}`, text(), headers);
    const idOf = async () => {
      const [row] = await messaging.api.database.workerSql((query) =>
        query<{ id: string }>(
          'SELECT resource_id AS id FROM idempotency_keys WHERE tenant_id = $1 AND key = $2',
          [tenant.tenantId, headers['idempotency-key']],
        ),
      );
      return row?.id;
    };
    await waitFor(async () => (await idOf()) !== undefined, { what: 'the message' });
    await tenant.client.post(`/messages/${String(await idOf())}/cancel`);
    const again = await tenant.client.post<MessageResource>(`/messages${then}`, text(), headers);
    expect(again.body.id).toBe((await early).body.id);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.body.status).toBe(then === '' ? 'queued' : 'cancelled');
  });

  it('is known again when a version stored it whose hash had `wait` in it', async () => {
    const headers = { 'idempotency-key': 'of the version before' };
    const first = await tenant.client.post<MessageResource>('/messages', text(), headers);
    await tenant.client.post(`/messages/${first.body.id}/cancel`);
    const former = canonicalJson([null, {}, { wait: 'sent' }, text()]);
    const hash = createHash('sha256').update(former).digest();
    await messaging.api.database.workerSql((query) =>
      query('UPDATE idempotency_keys SET request_hash = $1 WHERE tenant_id = $2 AND key = $3', [
        hash,
        tenant.tenantId,
        headers['idempotency-key'],
      ]),
    );
    for (const path of ['/messages', '/messages?wait=sent']) {
      const again = await tenant.client.post<MessageResource>(path, text(), headers);
      expect(again.body.id).toBe(first.body.id);
    }
    const other = await tenant.client.post('/messages', text({ text: 'Ho' }), headers);
    expectProblem(other, 422, 'idempotency_key_reused');
  });

  it('fetches a file once and leaves nothing of what a repeated request brings', async () => {
    const headers = { 'idempotency-key': 'a file' };
    const body = image({ base64: GIF.toString('base64') });
    const first = await tenant.client.post<MessageResource>('/messages', body, headers);
    expect(first.status).toBe(202);
    const before = await traces();
    const form = () => {
      const data = new FormData();
      data.set('to', ALEX);
      data.set('session', session.id);
      data.set('file', new Blob([GIF]), 'pixel.gif');
      return data;
    };
    const again = await tenant.client.post<MessageResource>('/messages', body, headers);
    expect(again.body).toEqual(first.body);
    expect(await traces()).toEqual(before);
    const upload = await tenant.client.request<MessageResource>(
      'POST',
      '/messages/send-media',
      form(),
      headers,
    );
    expect(upload.status).toBe(202);
    const after = await traces();
    const repeated = await tenant.client.request<MessageResource>(
      'POST',
      '/messages/send-media',
      form(),
      headers,
    );
    expect(repeated.body).toEqual(upload.body);
    expect(await traces()).toEqual(after);
  });
});

describe('a dry run', () => {
  it('says what would become of a message and changes nothing', async () => {
    const before = await traces();
    const answer = await tenant.client.post('/messages?dryRun=true', text());
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ dryRun: true, to: { id: `${ALEX}@c.us` }, onWhatsApp: null });
    expectProblem(
      await tenant.client.post('/messages?dryRun=true', text({ to: '1' })),
      422,
      'invalid_recipient',
    );
    expect(await traces()).toEqual(before);
  });
});

describe('the list', () => {
  it('pages through everything newest first, and filters', async () => {
    const { tenant: own, session: mine } = await messaging.connect();
    await messaging.node.become(mine.id, interrupted());
    const ids: string[] = [];
    for (let i = 0; i < 7; i += 1) {
      const to = i % 2 === 0 ? ALEX : '4915112345679';
      ids.push(
        (await own.client.post<MessageResource>('/messages', { to, type: 'text', text: 'Hi' })).body.id,
      );
    }
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? '' : `&cursor=${cursor}`;
      const page = await own.client.get<PageBody<MessageResource>>(`/messages/list?limit=3${query}`);
      seen.push(...page.body.data.map((message) => message.id));
      cursor = page.body.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual([...ids].reverse());
    const count = async (query: string) =>
      (await own.client.get<PageBody<MessageResource>>(`/messages?${query}`)).body.data.length;
    expect(await count(`chat=${ALEX}`)).toBe(4);
    expect(await count(`chat=%2B${ALEX}`)).toBe(4);
    expect(await count(`chat=${ALEX}@s.whatsapp.net`)).toBe(4);
    expect(await count('chat=status@broadcast')).toBe(0);
    expect(await count('direction=in')).toBe(0);
    expect(await count('status=queued&type=text')).toBe(7);
    expect(await count(`session=${mine.name}`)).toBe(7);
    expect(await count('to=2020-01-01T00:00:00Z')).toBe(0);
    expect(await count('from=2020-01-01T00:00:00Z')).toBe(7);
    expectProblem(await own.client.get('/messages?cursor=abc'), 400, 'invalid_cursor');
    expectProblem(await own.client.get('/messages?colour=red'), 400, 'invalid_request');
    expectProblem(await own.client.get('/messages?limit=101'), 400, 'invalid_request');
  });
});
