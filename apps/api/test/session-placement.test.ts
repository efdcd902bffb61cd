import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import { NodeLostSweep } from '../src/sessions/index.js';
import { connected, ScriptedNode } from './scripted-node.js';
import { expectProblem, type SessionBody } from './session-bodies.js';

let api: TestApi;
let node: ScriptedNode;
/** Gone after each test. */
let second: ScriptedNode | undefined;
let tenant: TestTenant;
let made = 0;

beforeAll(async () => {
  api = await startApi();
  tenant = await api.createTenant();
  await api.database.workerSql((query) =>
    query('UPDATE tenants SET max_sessions = 1000 WHERE id = $1', [tenant.tenantId]),
  );
  node = await new ScriptedNode(api, 'node-1').start();
});

afterEach(async () => {
  await second?.stop();
  second = undefined;
  await api.database.workerSql((query) => query(`DELETE FROM nodes WHERE name = 'node-2'`));
  await node.start();
});

afterAll(async () => {
  await node?.stop();
  await api?.close();
});

async function create(): Promise<SessionBody> {
  made += 1;
  const answer = await tenant.client.post<SessionBody>('/sessions', { name: `session-${String(made)}` });
  expect(answer.status).toBe(201);
  return answer.body;
}

async function linked(phone = '4915112345678'): Promise<SessionBody> {
  const session = await create();
  await act(session, 'start');
  await node.become(session.id, connected(phone));
  return session;
}

function act(session: SessionBody, verb: string) {
  return tenant.client.post<SessionBody>(`/sessions/${session.id}/${verb}`);
}

async function read(session: SessionBody): Promise<SessionBody> {
  return (await tenant.client.get<SessionBody>(`/sessions/${session.id}`)).body;
}

/** Nothing was heard of the node for so long. */
async function silence(nodeName: string, seconds: number): Promise<void> {
  await api.database.workerSql((query) =>
    query('UPDATE nodes SET last_seen_at = now() - make_interval(secs => $2) WHERE name = $1', [
      nodeName,
      seconds,
    ]),
  );
}

describe('placement', () => {
  it('prefers the least loaded node, and raises the epoch when an unlinked session moves', async () => {
    await linked();
    second = await new ScriptedNode(api, 'node-2').start();
    const session = await create();
    await act(session, 'start');
    expect(second.callsOf('session.start').at(-1)).toMatchObject({ sessionId: session.id, epoch: 1 });
    await silence('node-2', 25);
    await act(session, 'start');
    expect(node.callsOf('session.start').at(-1)).toMatchObject({ sessionId: session.id, epoch: 2 });
    expect((await second.heartbeat()).sessions).toEqual([]);
    const stale = await second.become(session.id, connected('4915199999999'));
    expect(stale).toEqual([session.id]);
    expect(await read(session)).toMatchObject({ state: 'starting' });
  });

  it('leaves a linked session with the node that holds its login', async () => {
    const session = await linked();
    await act(session, 'stop');
    second = await new ScriptedNode(api, 'node-2').start();
    await silence('node-1', 25);
    expectProblem(await act(session, 'start'), 503, 'node_unavailable');
    expect(second.callsOf('session.start')).toEqual([]);
  });
});

describe('a silent node', () => {
  it('has its sessions shown as interrupted after 30 s, and as they are once it is heard again', async () => {
    const session = await linked();
    const idle = await create();
    await silence('node-1', 29);
    await api.app.get(NodeLostSweep, { strict: false }).sweep();
    expect(await read(session)).toMatchObject({ state: 'connected' });
    await silence('node-1', 31);
    await api.app.get(NodeLostSweep, { strict: false }).sweep();
    expect(await read(session)).toMatchObject({
      state: 'interrupted',
      status: 'disconnected',
      reason: 'node_lost',
      me: { phone: '4915112345678' },
    });
    expect(await read(idle)).toMatchObject({ state: 'stopped' });
    await node.heartbeat();
    expect(await read(session)).toMatchObject({ state: 'connected', reason: 'ready' });
  });

  it('is not needed for doubt: a connection that nobody proved for 30 s is not shown', async () => {
    const session = await linked();
    await api.database.workerSql((query) =>
      query(`UPDATE sessions SET reported_at = now() - interval '31 seconds' WHERE id = $1`, [session.id]),
    );
    expect(await read(session)).toMatchObject({ state: 'interrupted', reason: 'probe_failed' });
    await node.become(session.id, connected('4915112345678'));
    expect(await read(session)).toMatchObject({ state: 'connected' });
  });
});
