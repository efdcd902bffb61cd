import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TestApi } from '../../../test/support/start-api.js';
import { NodeLostSweep } from '../src/sessions/index.js';
import { connected, ScriptedNode } from './scripted-node.js';
import { expectProblem } from './session-bodies.js';
import { SessionSteps } from './session-steps.js';

let steps: SessionSteps;
let api: TestApi;
let node: ScriptedNode;
/** Gone after each test. */
let second: ScriptedNode | undefined;

beforeAll(async () => {
  steps = await SessionSteps.start();
  ({ api, node } = steps);
});

afterEach(async () => {
  await second?.stop();
  second = undefined;
  await api.database.workerSql((query) => query(`DELETE FROM nodes WHERE name = 'node-2'`));
  await node.start();
});

afterAll(() => steps?.close());

describe('placement', () => {
  it('prefers the least loaded node, and raises the epoch when an unlinked session moves', async () => {
    await steps.linked();
    second = await new ScriptedNode(api, 'node-2').start();
    const session = await steps.create();
    await steps.act(session, 'start');
    expect(second.callsOf('session.start').at(-1)).toMatchObject({ sessionId: session.id, epoch: 1 });
    await steps.silence('node-2', 25);
    await steps.act(session, 'start');
    expect(node.callsOf('session.start').at(-1)).toMatchObject({ sessionId: session.id, epoch: 2 });
    expect((await second.heartbeat()).sessions).toEqual([]);
    const stale = await second.become(session.id, connected('4915199999999'));
    expect(stale).toEqual([session.id]);
    expect(await steps.read(session)).toMatchObject({ state: 'starting' });
  });

  it('leaves a linked session with the node that holds its login', async () => {
    const session = await steps.linked();
    await steps.act(session, 'stop');
    second = await new ScriptedNode(api, 'node-2').start();
    await steps.silence('node-1', 25);
    expectProblem(await steps.act(session, 'start'), 503, 'node_unavailable');
    expect(second.callsOf('session.start')).toEqual([]);
  });
});

describe('a silent node', () => {
  it('has its sessions shown as interrupted after 30 s, and as they are once it is heard again', async () => {
    const session = await steps.linked();
    const idle = await steps.create();
    await steps.silence('node-1', 29);
    await api.app.get(NodeLostSweep, { strict: false }).sweep();
    expect(await steps.read(session)).toMatchObject({ state: 'connected' });
    await steps.silence('node-1', 31);
    await api.app.get(NodeLostSweep, { strict: false }).sweep();
    expect(await steps.read(session)).toMatchObject({
      state: 'interrupted',
      status: 'disconnected',
      reason: 'node_lost',
      me: { phone: '4915112345678' },
    });
    expect(await steps.read(idle)).toMatchObject({ state: 'stopped' });
    await node.heartbeat();
    expect(await steps.read(session)).toMatchObject({ state: 'connected', reason: 'ready' });
  });

  it('is not needed for doubt: a connection that nobody proved for 30 s is not shown', async () => {
    const session = await steps.linked();
    await api.database.workerSql((query) =>
      query(`UPDATE sessions SET reported_at = now() - interval '31 seconds' WHERE id = $1`, [session.id]),
    );
    expect(await steps.read(session)).toMatchObject({ state: 'interrupted', reason: 'probe_failed' });
    await node.become(session.id, connected('4915112345678'));
    expect(await steps.read(session)).toMatchObject({ state: 'connected' });
  });
});
