import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HttpClient } from '../../../test/support/http-client.js';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import { connected, ScriptedNode } from './scripted-node.js';
import { expectProblem, type PageBody, type SessionBody } from './session-bodies.js';

type Route = [method: string, path: string, body?: unknown];

/** Every route that names a session, by what stands for its id. */
const SESSION_ROUTES: Route[] = [
  ['GET', '/sessions/:id'],
  ['PATCH', '/sessions/:id', { dailyMessageLimit: 1 }],
  ['DELETE', '/sessions/:id'],
  ['POST', '/sessions/:id/start'],
  ['POST', '/sessions/:id/stop'],
  ['POST', '/sessions/:id/restart'],
  ['POST', '/sessions/:id/logout'],
  ['GET', '/sessions/:id/qr'],
  ['GET', '/sessions/:id/qr?format=png&wait=1'],
  ['POST', '/sessions/:id/pairing-code', { phone: '+4915112345678' }],
  ['GET', '/sessions/:id/diagnostics'],
  ['GET', '/sessions/status?session=:id'],
  ['POST', '/sessions/init', { session: ':id' }],
  ['POST', '/sessions/disconnect', { session: ':id' }],
  ['GET', '/chats?session=:id'],
  ['GET', '/contacts?session=:id'],
  ['POST', '/contacts/check', { session: ':id', phones: ['+4915112345678'] }],
];

let api: TestApi;
let node: ScriptedNode;
let owner: TestTenant;
let stranger: TestTenant;
let session: SessionBody;
let chatId: string;
let contactId: string;

beforeAll(async () => {
  api = await startApi();
  node = await new ScriptedNode(api, 'node-1').start();
  owner = await api.createTenant();
  stranger = await api.createTenant();
  session = (await owner.client.post<SessionBody>('/sessions', { name: 'mine' })).body;
  await owner.client.post('/sessions/mine/start');
  await node.become(session.id, connected('4915112345678'));
  const person = { id: '4915100000001@c.us', phone: '4915100000001', lid: null, name: 'Anna' };
  await node.report(
    { ...node.addressOf(session.id), fact: { kind: 'chats', chats: [{ ...person, kind: 'person' }] } },
    { ...node.addressOf(session.id), fact: { kind: 'contacts', contacts: [person] } },
  );
  chatId = (await owner.client.get<PageBody<{ id: string }>>('/chats')).body.data[0]?.id ?? '';
  contactId = (await owner.client.get<PageBody<{ id: string }>>('/contacts')).body.data[0]?.id ?? '';
});

afterAll(async () => {
  await node?.stop();
  await api?.close();
});

function ask(client: HttpClient, [method, path, body]: Route, id: string) {
  const content =
    body === undefined ? undefined : (JSON.parse(JSON.stringify(body).replace(':id', id)) as unknown);
  return client.request(method, path.replace(':id', id), content);
}

/** What one can see of an answer: without what differs from request to request. */
function seen(answer: Awaited<ReturnType<typeof ask>>) {
  const { requestId: _, ...body } = answer.body;
  const headers = [...answer.headers.keys()].filter((name) => !['date'].includes(name)).sort();
  return { status: answer.status, body, headers };
}

describe('another tenant', () => {
  it.each(SESSION_ROUTES)('%s %s answers for a foreign session as for none', async (...route) => {
    const calls = node.calls.length;
    const missing = await ask(stranger.client, route, 'ses_00000000000000000000000000');
    const foreign = await ask(stranger.client, route, session.id);
    expectProblem(foreign, 404, 'not_found');
    expect(seen(foreign)).toEqual(seen(missing));
    expect(seen(await ask(stranger.client, route, 'mine'))).toEqual(seen(missing));
    expect(node.calls.length).toBe(calls);
  });

  it.each(['chats', 'contacts'])('sees no %s, and cannot tell a foreign one from none', async (kind) => {
    expect((await stranger.client.get<PageBody<unknown>>(`/${kind}`)).body.data).toEqual([]);
    const id = kind === 'chats' ? chatId : contactId;
    expect((await owner.client.get(`/${kind}/${id}`)).status).toBe(200);
    const foreign = await stranger.client.get(`/${kind}/${id}`);
    const missing = await stranger.client.get(`/${kind}/${id.slice(0, 4)}00000000000000000000000000`);
    expectProblem(foreign, 404, 'not_found');
    expect(seen(foreign)).toEqual(seen(missing));
  });

  it('may use the same name, and lists only its own', async () => {
    const own = await stranger.client.post<SessionBody>('/sessions', { name: 'mine' });
    expect(own.status).toBe(201);
    const list = await stranger.client.get<PageBody<SessionBody>>('/sessions');
    expect(list.body.data.map((one) => one.id)).toEqual([own.body.id]);
    expect((await stranger.client.request('DELETE', '/sessions/mine')).status).toBe(204);
    expect((await owner.client.get<SessionBody>('/sessions/mine')).body).toMatchObject({
      state: 'connected',
    });
  });
});

describe('a key of the other mode', () => {
  it.each(SESSION_ROUTES)('%s %s is refused', async (...route) => {
    const live = await api.createKey(owner.tenantId, { mode: 'live' });
    expectProblem(await ask(live.client, route, session.id), 403, 'wrong_key_mode');
  });

  it('cannot create a session of the other mode, and sees none', async () => {
    const live = await api.createKey(owner.tenantId, { mode: 'live' });
    expectProblem(await live.client.post('/sessions', { mode: 'test' }), 403, 'wrong_key_mode');
    expectProblem(await owner.client.post('/sessions', { mode: 'live' }), 403, 'wrong_key_mode');
    for (const path of ['/sessions', '/chats', '/contacts']) {
      expect((await live.client.get<PageBody<unknown>>(path)).body.data).toEqual([]);
    }
    expectProblem(await live.client.get(`/chats/${chatId}`), 403, 'wrong_key_mode');
    expectProblem(await live.client.get(`/contacts/${contactId}`), 403, 'wrong_key_mode');
    const own = await live.client.post<SessionBody>('/sessions', { mode: 'live' });
    expect(own.body).toMatchObject({ mode: 'live' });
    expect((await live.client.get('/sessions/status')).body).toMatchObject({ session: { id: own.body.id } });
  });
});

describe('a key bound to sessions', () => {
  it.each(SESSION_ROUTES)('%s %s is refused for another session', async (...route) => {
    const bound = await api.createKey(owner.tenantId, { sessionIds: ['ses_00000000000000000000000001'] });
    expectProblem(await ask(bound.client, route, session.id), 403, 'session_not_allowed');
  });

  it('uses and sees its own sessions only, and creates none', async () => {
    const other = await owner.client.post<SessionBody>('/sessions', { name: 'other' });
    const bound = await api.createKey(owner.tenantId, { sessionIds: [other.body.id] });
    expect((await bound.client.get<SessionBody>('/sessions/other')).status).toBe(200);
    expect((await bound.client.get('/sessions/status')).body).toMatchObject({
      session: { id: other.body.id },
    });
    const list = await bound.client.get<PageBody<SessionBody>>('/sessions');
    expect(list.body.data.map((one) => one.id)).toEqual([other.body.id]);
    expect((await bound.client.get<PageBody<unknown>>('/chats')).body.data).toEqual([]);
    expectProblem(await bound.client.get(`/chats/${chatId}`), 403, 'session_not_allowed');
    expectProblem(await bound.client.post('/sessions', { name: 'third' }), 403, 'session_not_allowed');
    expectProblem(await bound.client.post('/sessions/init', { name: 'third' }), 403, 'session_not_allowed');
  });
});

describe('a key without the scope', () => {
  it('is refused', async () => {
    const reader = await api.createKey(owner.tenantId, { scopes: ['messages:read'] });
    expectProblem(await reader.client.get('/sessions'), 403, 'insufficient_scope');
    expectProblem(await reader.client.get('/sessions/mine/qr'), 403, 'insufficient_scope');
    expect((await reader.client.get('/chats')).status).toBe(200);
    const sender = await api.createKey(owner.tenantId, { scopes: ['messages:send'] });
    expectProblem(await sender.client.get('/chats'), 403, 'insufficient_scope');
    expectProblem(await sender.client.get('/contacts'), 403, 'insufficient_scope');
  });
});
