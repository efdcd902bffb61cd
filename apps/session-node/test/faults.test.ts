import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import { NodeHarness, textSend } from './support/node-harness.js';

const ME = '4915112345661';
const FRIEND = '4915112345662';
const HIDDEN = '4915112345663';

describe('a session to which WhatsApp Web misbehaves', () => {
  const harness = new NodeHarness('2026-09', {
    PROBE_INTERVAL_MS: '1000',
    START_TIMEOUT_MS: '8000',
    SWEEP_INTERVAL_MS: '2000',
  });
  const session = harness.address();
  const faults = (...list: object[]) => harness.control('PUT', '/faults', { faults: list });
  const diagnostics = async () => (await harness.command('session.diagnostics', session)).body;
  const waitForReason = (reason: string) =>
    waitFor(
      async () => {
        const snapshot = await harness.snapshot(session);
        return snapshot.reason === reason ? snapshot : undefined;
      },
      { what: `reason ${reason}`, deadlineMs: 60_000 },
    );

  beforeAll(async () => {
    await harness.start();
    await harness.control('POST', '/accounts', { phone: FRIEND, name: 'Friend' });
    await harness.control('POST', '/accounts', { phone: HIDDEN, name: 'Hidden', lidOnly: true });
    await harness.link(session, ME);
  }, 120_000);
  afterAll(() => harness.stop(), 60_000);

  it('holds sends while a module it relies on is missing, and says which', async () => {
    await faults({ kind: 'missingModule', name: 'WAWebPrepRawMedia', phone: ME });
    const snapshot = await waitForReason('contract_broken');
    expect(snapshot).toMatchObject({ state: 'connected', detail: 'contract_broken(WAWebPrepRawMedia)' });
    const order = textSend(`${FRIEND}@c.us`, 'held');
    const held = await harness.command('message.send', { ...session, ...order });
    expect(held.body).toMatchObject({ outcome: 'not_sent', retry: true, code: 'contract_broken' });
    await faults();
    await waitForReason('ready');
    const sent = await harness.command('message.send', { ...session, ...order });
    expect(sent.body).toMatchObject({ outcome: 'handed' });
  }, 60_000);

  it('keeps its browser through a lost connection', async () => {
    const { browserPid } = await diagnostics();
    await harness.control('POST', `/logins/${ME}/drop`, { forMs: 2_500 });
    expect(await waitForReason('network')).toMatchObject({ state: 'interrupted' });
    await harness.waitForState(session, 'connected');
    expect((await diagnostics()).browserPid).toBe(browserPid);
  }, 60_000);

  it('takes a new browser when the connection does not come back', async () => {
    const { browserPid } = await diagnostics();
    await harness.control('POST', `/logins/${ME}/drop`, { forMs: 600_000 });
    await waitForReason('start_timeout');
    await harness.control('POST', `/logins/${ME}/drop`, { forMs: 0 });
    await harness.waitForState(session, 'connected');
    expect((await diagnostics()).browserPid).not.toBe(browserPid);
  }, 180_000);

  it('becomes ready once when the sync is told twice, and gives up a start whose sync never ends', async () => {
    await faults({ kind: 'syncTwice', phone: ME, times: 1 });
    await harness.command('session.restart', { ...session, mode: 'test' });
    await harness.waitForState(session, 'connected');
    await faults({ kind: 'syncNever', phone: ME });
    await harness.command('session.restart', { ...session, mode: 'test' });
    await waitForReason('start_timeout');
    await faults();
    await harness.waitForState(session, 'connected');
    expect((await diagnostics()).restartsLastHour).toBeGreaterThan(0);
  }, 120_000);

  it('knows a contact that has no phone number by its LID', async () => {
    const { id } = await harness.control<{ id: string }>('POST', '/messages', {
      from: HIDDEN,
      to: ME,
      type: 'text',
      body: 'guess who',
    });
    const message = await harness.waitForMessage(session, id);
    expect(message.chat).toMatchObject({ phone: null, id: message.chat.lid });
    expect(message.chat.id).toMatch(/@lid$/);
    const order = textSend(message.chat.id, 'I cannot');
    const { body } = await harness.command('message.send', { ...session, ...order });
    expect(body).toMatchObject({ outcome: 'handed', chatId: message.chat.id });
  });

  it('is recycled when something of it throws where nobody waits, and the node lives on', async () => {
    const { browserPid } = await diagnostics();
    const others = process.listeners('unhandledRejection').filter((listener) => !isOfNode(listener));
    for (const listener of others) process.off('unhandledRejection', listener);
    try {
      await harness.node.sessions.use(session, () => {
        let fail!: (reason: unknown) => void;
        void new Promise<never>((_resolve, reject) => (fail = reject));
        fail('a bare string');
      });
      await waitFor(
        async () => {
          const now = await diagnostics();
          return now.snapshot.state === 'connected' && now.browserPid !== browserPid;
        },
        { what: 'another browser', deadlineMs: 60_000 },
      );
    } finally {
      for (const listener of others) process.on('unhandledRejection', listener);
    }
    const metrics = await (await fetch(`${harness.node.url}/metrics`)).text();
    expect(metrics).toContain('wagate_node_stray_failures_total{attributed="true"} 1');
  }, 90_000);

  it.each([
    { state: 'CONFLICT', expected: { state: 'interrupted', reason: 'conflict', action: 'restart' } },
    { state: 'PROXYBLOCK', expected: { state: 'interrupted', reason: 'proxy_blocked' } },
    { state: 'DEPRECATED_VERSION', expected: { state: 'failed', reason: 'outdated_client' } },
    { state: 'TOS_BLOCK', expected: { state: 'failed', reason: 'banned' } },
  ])(
    'gives $state its own reason',
    async ({ state, expected }) => {
      await harness.command('session.restart', { ...session, mode: 'test' });
      await harness.waitForState(session, 'connected');
      await harness.control('POST', `/logins/${ME}/state`, { state });
      await waitFor(async () => (await harness.snapshot(session)).reason === expected.reason, {
        what: state,
      });
      expect(await harness.snapshot(session)).toMatchObject(expected);
      if (expected.state !== 'failed') return;
      const beats = harness.api.heartbeats;
      await waitFor(() => harness.api.heartbeats > beats + 2, { what: 'heartbeats' });
      expect(await harness.browserPid(session)).toBeNull();
    },
    90_000,
  );
});

function isOfNode(listener: unknown): boolean {
  return String(listener).includes('recycleCulprit');
}
