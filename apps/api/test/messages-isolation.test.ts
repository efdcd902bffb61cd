import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '../../../test/support/http-client.js';
import type { TestTenant } from '../../../test/support/start-api.js';
import type { MediaResource } from '../src/media/media.dto.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { ALEX, handed, incoming, Messaging, statusOf } from './messaging.js';
import { expectProblem, type PageBody, type SessionBody } from './session-bodies.js';

let messaging: Messaging;
let owner: TestTenant;
let session: SessionBody;
let stranger: TestTenant;
let message: MessageResource;
let received: MessageResource;
let media: MediaResource;

beforeAll(async () => {
  messaging = await Messaging.start();
  messaging.node.scripts['message.send'] = (request) => handed(request, 1);
  ({ tenant: owner, session } = await messaging.connect());
  ({ tenant: stranger } = await messaging.connect());
  const body = { to: ALEX, type: 'text', text: 'Hi' };
  message = (await owner.client.post<MessageResource>('/messages', body)).body;
  await statusOf(owner, message.id, 'sent');
  await messaging.report(session.id, incoming('A1'));
  const list = await owner.client.get<PageBody<MessageResource>>('/messages?direction=in');
  [received] = list.body.data as [MessageResource];
  const form = new FormData();
  form.set('file', new Blob(['Hello']), 'a.txt');
  media = (await owner.client.request<MediaResource>('POST', '/media', form)).body;
});
afterAll(async () => {
  await messaging?.close();
});

type Route = [method: string, path: (id: string) => string, id: () => string];

const ROUTES: Route[] = [
  ['GET', (id) => `/messages/${id}`, () => message.id],
  ['GET', (id) => `/messages/${id}`, () => received.id],
  ['POST', (id) => `/messages/${id}/cancel`, () => message.id],
  ['POST', (id) => `/messages/${id}/media/download`, () => received.id],
  ['GET', (id) => `/media/${id}`, () => media.id],
  ['GET', (id) => `/media/${id}/content`, () => media.id],
  ['DELETE', (id) => `/media/${id}`, () => media.id],
];

/** What an answer tells, without what differs by the request itself. */
function told({ status, body, headers }: Answer): object {
  const names = [...headers.keys()].filter(
    (name) => !['date', 'x-request-id', 'ratelimit-remaining'].includes(name),
  );
  return { status, body: { ...body, requestId: undefined }, names: names.sort() };
}

describe('another tenant', () => {
  it.each(ROUTES)('cannot tell by %s %s what exists from what does not', async (method, path, id) => {
    const missing = id().replace(/_.*/, `_${'0'.repeat(26)}`);
    const foreign = await stranger.client.request(method, path(id()));
    expect(told(foreign)).toEqual(told(await stranger.client.request(method, path(missing))));
    expectProblem(foreign, 404, 'not_found');
    for (const malformed of ['x', '..%2f..%2fmessages', 'msg_', '%00']) {
      expect((await stranger.client.request(method, path(malformed))).status).toBeLessThan(500);
    }
  });

  it('cannot use what it knows the id of', async () => {
    const send = (body: object) => stranger.client.post('/messages', { to: ALEX, ...body });
    const image = { type: 'document', media: { mediaId: media.id } };
    expectProblem(await send(image), 404, 'not_found');
    expectProblem(await send({ type: 'text', text: 'Hi', session: session.id }), 404, 'not_found');
    expectProblem(await send({ type: 'text', text: 'Hi', quoted: received.id }), 422, 'quoted_not_found');
    expectProblem(await stranger.client.get(`/messages?session=${session.id}`), 404, 'not_found');
    expect((await stranger.client.get<PageBody<object>>('/messages')).body.data).toEqual([]);
    expect((await stranger.client.get<PageBody<object>>('/media')).body.data).toEqual([]);
  });

  it('changed nothing by trying', async () => {
    expect((await owner.client.get<MessageResource>(`/messages/${message.id}`)).body.status).toBe('sent');
    expect((await owner.client.get(`/media/${media.id}/content`)).bytes.toString()).toBe('Hello');
  });
});

describe('a key of the same tenant', () => {
  it('that is bound to other sessions, or of the other mode, does not see the messages', async () => {
    const bound = await messaging.api.createKey(owner.tenantId, {
      sessionIds: ['ses_00000000000000000000000000'],
    });
    const live = await messaging.api.createKey(owner.tenantId, { mode: 'live' });
    for (const key of [bound, live]) {
      expectProblem(await key.client.get(`/messages/${message.id}`), 404, 'not_found');
      expect((await key.client.get<PageBody<object>>('/messages')).body.data).toEqual([]);
      expectProblem(await key.client.post(`/messages/${message.id}/cancel`), 404, 'not_found');
    }
  });
});

describe('the database', () => {
  it.each(['messages', 'media', 'message_attempts'])(
    'shows no row of %s without its tenant',
    async (table) => {
      const count = `SELECT count(*)::int AS count FROM ${table}`;
      const [foreign] = await messaging.api.database.tenantSql(stranger.tenantId, (query) =>
        query<{ count: number }>(count),
      );
      expect(foreign?.count).toBe(0);
    },
  );
});
