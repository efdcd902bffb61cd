import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import { connected, ScriptedNode } from './scripted-node.js';

interface SessionBody {
  id: string;
  name: string;
  state: string;
  status: string;
  reason: string;
  me: { id: string; phone: string } | null;
  code?: string;
}

let api: TestApi;
let node: ScriptedNode;
let tenant: TestTenant;

beforeAll(async () => {
  api = await startApi();
  node = await new ScriptedNode(api, 'node-1').start();
  tenant = await api.createTenant();
});

afterAll(async () => {
  await node?.stop();
  await api?.close();
});

async function create(name: string): Promise<SessionBody> {
  const answer = await tenant.client.post<SessionBody>('/sessions', { name });
  expect(answer.status).toBe(201);
  return answer.body;
}

describe('a session', () => {
  it('is created stopped, started, connected and stopped', async () => {
    const session = await create('first');
    expect(session).toMatchObject({ state: 'stopped', status: 'disconnected', reason: 'created', me: null });
    const started = await tenant.client.post<SessionBody>('/sessions/first/start');
    expect(started.status).toBe(200);
    expect(started.body).toMatchObject({ id: session.id, state: 'starting' });
    await node.become(session.id, connected('4915112345678'));
    const seen = await tenant.client.get<SessionBody>(`/sessions/${session.id}`);
    expect(seen.body).toMatchObject({ state: 'connected', me: { phone: '4915112345678' } });
    expect((await tenant.client.post<SessionBody>('/sessions/first/stop')).body).toMatchObject({
      state: 'stopped',
    });
    console.log((await tenant.client.get('/chats')).body, (await tenant.client.get('/contacts')).body);
  });
});
