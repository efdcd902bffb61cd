import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TestApi, TestTenant } from '../../../test/support/start-api.js';
import { NodeLostSweep } from '../src/sessions/index.js';
import { connected, Refusal, ScriptedNode, snapshot } from './scripted-node.js';
import { expectProblem, type SessionBody } from './session-bodies.js';
import { SessionSteps } from './session-steps.js';

let steps: SessionSteps;
let api: TestApi;
let node: ScriptedNode;
let tenant: TestTenant;

beforeAll(async () => {
  steps = await SessionSteps.start();
  ({ api, node, tenant } = steps);
});

afterEach(async () => {
  for (const command of Object.keys(node.scripts) as (keyof typeof node.scripts)[])
    delete node.scripts[command];
  node.capacity = 50;
  await node.start();
});

afterAll(() => steps?.close());

describe('start', () => {
  it('answers with the session as the node took it, and is connected when the node says so', async () => {
    const session = await steps.create();
    expect(session).toMatchObject({
      state: 'stopped',
      reason: 'created',
      action: 'start',
      me: null,
      provenAt: null,
    });
    const started = await steps.act(session, 'start');
    expect(started.status).toBe(200);
    expect(started.body).toMatchObject({
      id: session.id,
      state: 'starting',
      status: 'qr_pending',
      action: null,
    });
    expect(node.callsOf('session.start').at(-1)).toMatchObject({
      sessionId: session.id,
      epoch: 1,
      mode: 'test',
    });
    await node.become(session.id, snapshot({ state: 'pairing', reason: 'scan_qr', action: 'scan_qr' }));
    expect(await steps.read(session)).toMatchObject({
      state: 'pairing',
      status: 'qr_pending',
      action: 'scan_qr',
    });
    await node.become(session.id, connected('4915112345678'));
    expect(await steps.read(session)).toMatchObject({
      state: 'connected',
      status: 'connected',
      reason: 'ready',
      reasonText: 'WhatsApp answers and messages flow.',
      me: { id: '4915112345678@c.us', phone: '4915112345678', lid: null, name: 'Test phone' },
    });
  });

  it('changes nothing for a session that runs', async () => {
    const session = await steps.linked();
    const again = await steps.act(session, 'start');
    expect(again.body).toMatchObject({ state: 'connected' });
    expect(node.addressOf(session.id).epoch).toBe(1);
  });

  it('keeps a session of one node on it, with its epoch, over stop and start', async () => {
    const session = await steps.linked();
    await steps.act(session, 'stop');
    await steps.act(session, 'start');
    expect(node.callsOf('session.start').at(-1)).toMatchObject({ sessionId: session.id, epoch: 1 });
  });

  it('gives way when the node cannot be reached: 503, and the session is as before', async () => {
    const session = await steps.create();
    await node.stop();
    const answer = await steps.act(session, 'start');
    expectProblem(answer, 503, 'node_unavailable');
    expect(answer.body).toMatchObject({ outcome: 'not_sent' });
    expect(answer.headers.get('retry-after')).toBe('5');
    expect(await steps.read(session)).toMatchObject({ state: 'stopped', reason: 'created', action: 'start' });
    await node.start();
    expect((await node.heartbeat()).sessions.find((one) => one.sessionId === session.id)?.running).toBe(
      false,
    );
  });

  it('refuses with 503 when no node was heard lately', async () => {
    const session = await steps.create();
    await steps.silence('node-1', 21);
    expectProblem(await steps.act(session, 'start'), 503, 'node_unavailable');
  });

  it('refuses with capacity_exhausted when every place is taken, and takes a place only for what runs', async () => {
    const running = await steps.linked();
    const next = await steps.create();
    node.capacity = (await node.heartbeat()).sessions.filter((one) => one.running).length;
    await node.heartbeat();
    expectProblem(await steps.act(next, 'start'), 503, 'capacity_exhausted');
    expect(await steps.read(next)).toMatchObject({ state: 'stopped' });
    await steps.act(running, 'stop');
    expect((await steps.act(next, 'start')).status).toBe(200);
    expectProblem(await steps.act(running, 'start'), 503, 'capacity_exhausted');
  });

  it('never gives one last place to two', async () => {
    const sessions = await Promise.all([steps.create(), steps.create(), steps.create(), steps.create()]);
    node.capacity = (await node.heartbeat()).sessions.filter((one) => one.running).length + 1;
    await node.heartbeat();
    const answers = await Promise.all(sessions.map((session) => steps.act(session, 'start')));
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 503, 503, 503]);
  });

  it('passes on a refusal of the node and leaves the session as before', async () => {
    const session = await steps.create();
    node.scripts['session.start'] = () => new Refusal('capacity_exhausted', 'not_sent');
    expectProblem(await steps.act(session, 'start'), 503, 'capacity_exhausted');
    expect(await steps.read(session)).toMatchObject({ state: 'stopped' });
  });

  it('is answered as begun when the node may have heard it, and the next heartbeat sees to it', async () => {
    const session = await steps.create();
    node.scripts['session.start'] = () => new Refusal('service_unavailable', 'unknown');
    const answer = await steps.act(session, 'start');
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ state: 'starting' });
    const told = (await node.heartbeat()).sessions.find((one) => one.sessionId === session.id);
    expect(told).toMatchObject({ running: true, epoch: 1 });
  });

  it('does not show what only concerns api and node', async () => {
    const session = await steps.create();
    node.scripts['session.start'] = () => new Refusal('unauthenticated');
    const problem = expectProblem(await steps.act(session, 'start'), 503, 'node_unavailable');
    expect(problem.detail).not.toContain('session.start');
  });
});

describe('stop', () => {
  it('stops, keeps the link, and may be repeated', async () => {
    const session = await steps.linked();
    const stopped = await steps.act(session, 'stop');
    expect(stopped.status).toBe(200);
    expect(stopped.body).toMatchObject({ state: 'stopped', me: { phone: '4915112345678' } });
    expect((await steps.act(session, 'stop')).body).toMatchObject({ state: 'stopped' });
    expect((await steps.act(await steps.create(), 'stop')).body).toMatchObject({
      state: 'stopped',
      reason: 'created',
    });
  });

  it('is kept as a wish while the node is away, and told with its next heartbeat', async () => {
    const session = await steps.linked();
    await node.stop();
    expect((await steps.act(session, 'stop')).status).toBe(200);
    await node.start();
    const told = (await node.heartbeat()).sessions.find((one) => one.sessionId === session.id);
    expect(told).toMatchObject({ running: false, epoch: 1, mode: 'test' });
  });
});

describe('restart', () => {
  it('restarts what runs and starts what does not', async () => {
    const session = await steps.linked();
    expect((await steps.act(session, 'restart')).body).toMatchObject({
      state: 'starting',
      me: { phone: '4915112345678' },
    });
    const idle = await steps.create();
    expect((await steps.act(idle, 'restart')).body).toMatchObject({ state: 'starting' });
    expect(node.callsOf('session.restart').map((call) => call.sessionId)).toEqual([session.id, idle.id]);
  });
});

describe('logout', () => {
  it('unlinks, forgets who was linked, and is not run again by itself', async () => {
    const session = await steps.linked();
    const out = await steps.act(session, 'logout');
    expect(out.status).toBe(200);
    expect(out.body).toMatchObject({ state: 'logged_out', reason: 'logged_out', action: 'relink', me: null });
    const told = (await node.heartbeat()).sessions.find((one) => one.sessionId === session.id);
    expect(told).toMatchObject({ running: false });
    const calls = node.callsOf('session.logout').length;
    expect((await steps.act(session, 'logout')).body).toMatchObject({ state: 'logged_out' });
    expect(node.callsOf('session.logout')).toHaveLength(calls);
  });

  it('is refused while the node is away, and the session stays linked', async () => {
    const session = await steps.linked();
    await node.stop();
    expectProblem(await steps.act(session, 'logout'), 503, 'node_unavailable');
    expect(await steps.read(session)).toMatchObject({ state: 'connected', me: { phone: '4915112345678' } });
  });

  it('that the phone does is seen, and outlives the report that the browser is closed', async () => {
    const session = await steps.linked();
    await node.become(session.id, snapshot({ state: 'logged_out', reason: 'unlinked', action: 'relink' }));
    await node.become(session.id, snapshot({ state: 'stopped', reason: 'requested' }));
    expect(await steps.read(session)).toMatchObject({ state: 'logged_out', reason: 'unlinked', me: null });
  });

  it('of a session that was never started changes nothing', async () => {
    expect((await steps.act(await steps.create(), 'logout')).body).toMatchObject({
      state: 'stopped',
      reason: 'created',
    });
  });
});

describe('delete', () => {
  it('removes the profile, frees the name, and leaves nothing to find', async () => {
    const session = await steps.linked();
    expect((await tenant.client.request('DELETE', `/sessions/${session.id}`)).status).toBe(204);
    expect(node.callsOf('session.delete').at(-1)).toMatchObject({ sessionId: session.id, epoch: 1 });
    expectProblem(await tenant.client.get(`/sessions/${session.id}`), 404, 'not_found');
    expectProblem(await tenant.client.request('DELETE', `/sessions/${session.id}`), 404, 'not_found');
    const again = await tenant.client.post<SessionBody>('/sessions', { name: session.name });
    expect(again.status).toBe(201);
    expect(again.body.id).not.toBe(session.id);
  });

  it('is finished once the node is back, when it was away', async () => {
    const session = await steps.linked();
    const address = node.addressOf(session.id);
    await node.stop();
    expect((await tenant.client.request('DELETE', `/sessions/${session.name}`)).status).toBe(204);
    expect((await tenant.client.post('/sessions', { name: session.name })).status).toBe(201);
    await node.start();
    const fact = { kind: 'session.state', snapshot: connected('4915112345678') } as const;
    expect(await node.report({ ...address, fact })).toEqual([session.id]);
    await api.app.get(NodeLostSweep, { strict: false }).sweep();
    expect(node.callsOf('session.delete').at(-1)).toMatchObject({ sessionId: session.id });
    const calls = node.callsOf('session.delete').length;
    await api.app.get(NodeLostSweep, { strict: false }).sweep();
    expect(node.callsOf('session.delete')).toHaveLength(calls);
  });
});
