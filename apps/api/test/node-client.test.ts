import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import { startApi, type TestApi } from '../../../test/support/start-api.js';
import { NodeClient, NodeRegistry } from '../src/nodes/index.js';
import { ScriptedNode, snapshot } from './scripted-node.js';
import type { SessionBody } from './session-bodies.js';

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

async function started(): Promise<SessionBody> {
  const tenant = await api.createTenant();
  const created = await tenant.client.post<SessionBody>('/sessions');
  await tenant.client.post(`/sessions/${created.body.id}/start`);
  return created.body;
}

describe('the client of nodes', () => {
  it('tells a call that was never heard from one whose answer is missing', async () => {
    const session = await started();
    const client = api.app.get(NodeClient, { strict: false });
    const address = node.addressOf(session.id);
    const call = (to: { nodeName: string } | { url: string }, timeoutMs: number) =>
      client.call(to, 'session.stop', address, { timeoutMs }).then(
        () => 'answered',
        (error: unknown) => error,
      );
    expect(await call({ nodeName: 'nowhere' }, 5_000)).toMatchObject({
      code: 'node_unavailable',
      outcome: 'not_sent',
    });
    const free = node.url;
    let heard: () => void = () => undefined;
    const hears = new Promise<void>((resolve) => (heard = resolve));
    node.scripts['session.stop'] = () => {
      heard();
      return new Promise(() => undefined);
    };
    const late = call({ url: free }, 1_500);
    await hears;
    expect(await late).toMatchObject({ code: 'node_unavailable', outcome: 'unknown' });
    const cut = call({ url: free }, 20_000);
    await expect.poll(() => node.callsOf('session.stop').length, { timeout: 20_000 }).toBe(2);
    await node.stop();
    expect(await cut).toMatchObject({ code: 'node_unavailable', outcome: 'unknown' });
    expect(await call({ url: free }, 5_000)).toMatchObject({ code: 'node_unavailable', outcome: 'not_sent' });
    await node.start();
    delete node.scripts['session.stop'];
    expect(await call({ nodeName: 'node-1' }, 20_000)).toBe('answered');
  });
});

describe('a node whose pages hang', () => {
  it('is called all the same, however many calls wait for its answer', async () => {
    const session = await started();
    const client = api.app.get(NodeClient, { strict: false });
    const address = node.addressOf(session.id);
    const before = node.callsOf('session.stop').length;
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    node.scripts['session.stop'] = async () => {
      await ended;
      return { snapshot: snapshot() };
    };
    const hung = Array.from({ length: 400 }, () =>
      client.call({ url: node.url }, 'session.stop', address, { timeoutMs: 60_000 }),
    );
    try {
      await waitFor(() => node.callsOf('session.stop').length - before === hung.length, {
        what: 'all calls to be heard',
      });
      await client.call({ url: node.url }, 'session.logout', address, { timeoutMs: 30_000 });
    } finally {
      end();
      delete node.scripts['session.stop'];
      await Promise.all(hung);
    }
  });
});

describe('SESSION_NODE_URL', () => {
  it('is where the api reaches a node, whatever the node calls itself, and the next node keeps its own', async () => {
    const behind = await startApi({ SESSION_NODE_URL: node.url });
    const first = new ScriptedNode(behind, 'first');
    const second = new ScriptedNode(behind, 'second');
    try {
      await first.start();
      await first.heartbeat();
      await second.start();
      const registry = behind.app.get(NodeRegistry, { strict: false });
      expect(await registry.get('first')).toMatchObject({ url: node.url });
      expect(await registry.get('second')).toMatchObject({ url: second.url });
    } finally {
      await first.stop();
      await second.stop();
      await behind.close();
    }
  });
});
