import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import { SessionEndings } from '../src/sessions/index.js';
import { connected, ScriptedNode } from './scripted-node.js';
import { expectProblem, type PageBody, type SessionBody } from './session-bodies.js';

interface NodeBody {
  name: string;
  isHeard: boolean;
}

let api: TestApi;
let operator: TestTenant;
let gone: ScriptedNode;
let other: ScriptedNode;
const ended: string[] = [];

beforeAll(async () => {
  api = await startApi();
  operator = await api.createTenant();
  gone = await new ScriptedNode(api, 'gone').start();
  other = new ScriptedNode(api, 'other');
  api.app.get(SessionEndings, { strict: false }).register((_tx, session, code) => {
    ended.push(`${session.id} ${code}`);
    return Promise.resolve();
  });
});

afterAll(async () => {
  await gone?.stop();
  await other?.stop();
  await api?.close();
});

async function started(tenant: TestTenant, name: string): Promise<SessionBody> {
  await tenant.client.post('/sessions', { name });
  return (await tenant.client.post<SessionBody>(`/sessions/${name}/start`)).body;
}

function silence(name: string, seconds: number): Promise<unknown> {
  return api.database.workerSql((query) =>
    query(`UPDATE nodes SET last_seen_at = now() - make_interval(secs => $2) WHERE name = $1`, [
      name,
      seconds,
    ]),
  );
}

describe('the nodes', () => {
  it('are seen and removed by the operator only', async () => {
    const tenant = await api.createTenant({ scopes: ['sessions:manage'] });
    expectProblem(await tenant.client.get('/nodes'), 403, 'insufficient_scope');
    expectProblem(await tenant.client.request('DELETE', '/nodes/gone'), 403, 'insufficient_scope');
    const { body } = await operator.client.get<PageBody<NodeBody>>('/nodes');
    expect(body.data).toEqual([
      {
        name: 'gone',
        url: gone.url,
        isHeard: true,
        lastSeenAt: expect.any(String) as string,
        sessionCount: 0,
        capacity: 50,
        sandbox: true,
      },
    ]);
  });

  it('cannot be removed while they may be alive, nor when there is none of that name', async () => {
    await silence('gone', 40);
    const answer = await operator.client.request('DELETE', '/nodes/gone');
    expectProblem(answer, 409, 'invalid_state');
    expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(20);
    for (const name of ['none', 'GONE', '%00'])
      expectProblem(await operator.client.request('DELETE', `/nodes/${name}`), 404, 'not_found');
  });

  it('leave sessions behind that can be started elsewhere, the linked ones without their login', async () => {
    await gone.heartbeat();
    const tenant = await api.createTenant();
    const linked = await started(tenant, 'linked');
    const fresh = await started(tenant, 'fresh');
    await gone.become(linked.id, connected('4915112345678'));
    const address = gone.addressOf(linked.id);
    await silence('gone', 61);
    expect((await operator.client.request('DELETE', '/nodes/gone')).status).toBe(204);
    expectProblem(await operator.client.request('DELETE', '/nodes/gone'), 404, 'not_found');
    expect((await tenant.client.get('/sessions/linked')).body).toMatchObject({
      state: 'logged_out',
      action: 'relink',
      me: null,
      detail: expect.stringContaining('link it again') as string,
    });
    expect((await tenant.client.get('/sessions/fresh')).body).toMatchObject({
      state: 'stopped',
      action: 'start',
    });
    expect(ended).toEqual([`${linked.id} session_logged_out`]);
    await other.start();
    for (const { id } of [linked, fresh])
      expect((await tenant.client.post(`/sessions/${id}/start`)).body).toMatchObject({ state: 'starting' });
    expect(other.addressOf(linked.id).epoch).toBe(address.epoch + 1);
    expect((await gone.heartbeat()).sessions).toEqual([]);
    expect((await tenant.client.get('/sessions/linked')).body).toMatchObject({ state: 'starting' });
    const { body } = await operator.client.get<PageBody<NodeBody>>('/nodes?limit=1');
    expect(body.data).toMatchObject([{ name: 'gone' }]);
    const next = await operator.client.get<PageBody<NodeBody>>(
      `/nodes?limit=1&cursor=${String(body.nextCursor)}`,
    );
    expect(next.body.data).toMatchObject([{ name: 'other' }]);
  });
});
