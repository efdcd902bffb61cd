import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type TestApi } from '../../../test/support/start-api.js';
import { connected, ScriptedNode, snapshot } from './scripted-node.js';
import { expectProblem, type PageBody, type SessionBody } from './session-bodies.js';

const SECRET_QR = '2@Qx7secret/of+this==,login,parts,1';

interface InitBody {
  session: SessionBody;
  qr: { qr: string } | null;
}

let api: TestApi;
let node: ScriptedNode;

beforeAll(async () => {
  api = await startApi();
  node = await new ScriptedNode(api, 'node-1').start();
});

afterAll(async () => {
  await node?.stop();
  await api?.close();
});

function showQr(): void {
  const expiresAt = new Date(Date.now() + 20_000).toISOString();
  node.scripts['session.qr'] = () => ({
    snapshot: snapshot({ state: 'pairing', reason: 'scan_qr', action: 'scan_qr' }),
    qr: { qr: SECRET_QR, expiresAt, attempt: 2 },
  });
}

describe('the short forms', () => {
  it('create, show and stop the session of a tenant that has one', async () => {
    const small = await api.createTenant();
    expectProblem(await small.client.get('/sessions/status'), 409, 'session_required');
    showQr();
    const first = await small.client.request<InitBody>('POST', '/sessions/init');
    expect(first.status).toBe(200);
    expect(first.headers.get('cache-control')).toBe('no-store');
    expect(first.body).toMatchObject({
      session: { state: 'pairing', status: 'qr_pending' },
      qr: { qr: SECRET_QR },
    });
    const again = await small.client.post<InitBody>('/sessions/init', { wait: 0 });
    expect(again.body.session.id).toBe(first.body.session.id);
    await node.become(first.body.session.id, connected('4915112345678'));
    expect((await small.client.post<InitBody>('/sessions/init')).body).toMatchObject({
      session: { state: 'connected' },
      qr: null,
    });
    const status = await small.client.get('/sessions/status');
    expect(status.body).toMatchObject({ status: 'connected', session: { id: first.body.session.id } });
    const stopped = await small.client.request<SessionBody>('POST', '/sessions/disconnect');
    expect(stopped.body).toMatchObject({ state: 'stopped', status: 'disconnected' });
    expect((await small.client.post<SessionBody>('/sessions/disconnect')).status).toBe(200);
  });

  it('need a name where there are several', async () => {
    const small = await api.createTenant();
    showQr();
    await small.client.post('/sessions/init', { name: 'one' });
    const two = await small.client.post<InitBody>('/sessions/init', { name: 'two' });
    expect((await small.client.post<InitBody>('/sessions/init', { name: 'two' })).body.session.id).toBe(
      two.body.session.id,
    );
    expectProblem(await small.client.post('/sessions/init'), 409, 'session_required');
    expectProblem(await small.client.get('/sessions/status'), 409, 'session_required');
    expectProblem(await small.client.post('/sessions/disconnect'), 409, 'session_required');
    const status = await small.client.get('/sessions/status?session=two');
    expect(status.body).toMatchObject({ status: 'qr_pending', session: { name: 'two' } });
    const stopped = await small.client.post<SessionBody>('/sessions/disconnect', { session: 'two' });
    expect(stopped.body).toMatchObject({ name: 'two', state: 'stopped' });
    expectProblem(await small.client.post('/sessions/init', { session: 'three' }), 404, 'not_found');
    const both = await small.client.post('/sessions/init', { session: 'one', name: 'two' });
    expect(expectProblem(both, 400, 'invalid_request').errors?.[0]?.path).toBe('name');
  });

  it('make one session of requests that come at once, whether they name it or not', async () => {
    const small = await api.createTenant();
    showQr();
    for (const body of [{}, { name: 'second' }]) {
      const answers = await Promise.all(
        Array.from({ length: 6 }, () => small.client.post<InitBody>('/sessions/init', { ...body, wait: 0 })),
      );
      expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200, 200, 200]);
      expect(new Set(answers.map((answer) => answer.body.session.id)).size).toBe(1);
    }
    const all = await small.client.get<PageBody<SessionBody>>('/sessions');
    expect(all.body.data).toHaveLength(2);
  });

  it('make nothing with a key that is bound to sessions', async () => {
    const small = await api.createTenant();
    const { id } = (await small.client.post<SessionBody>('/sessions', { name: 'mine' })).body;
    const bound = await api.createKey(small.tenantId, { sessionIds: [id] });
    showQr();
    expect((await bound.client.post<InitBody>('/sessions/init', { wait: 0 })).body.session.id).toBe(id);
    expectProblem(await bound.client.post('/sessions/init', { name: 'other' }), 403, 'session_not_allowed');
  });
});
