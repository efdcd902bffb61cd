import { access, appendFile, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import { NodeHarness, textSend, type TestAddress } from './support/node-harness.js';

const PHONES = ['4915112345681', '4915112345682'] as const;
const FRIEND = '4915112345689';

describe('a session whose browser fails', () => {
  // Faults are found by probes; short rhythms keep the suite short.
  const harness = new NodeHarness('2026-09', { PROBE_INTERVAL_MS: '1000', PROBE_TIMEOUT_MS: '3000' });
  const sessions = [harness.address(), harness.address()] as const;
  const [first, second] = sessions;

  const receive = async (to: string, body: string): Promise<string> =>
    (await harness.control<{ id: string }>('POST', '/messages', { from: FRIEND, to, type: 'text', body })).id;
  const profileOf = ({ sessionId }: TestAddress): string =>
    join(harness.folder, 'profiles', sessionId, `session-${sessionId}`);
  const reported = (session: TestAddress, id: string): number =>
    harness.api
      .factsOf('message.upsert', session.sessionId)
      .filter(({ message }) => message.waMessageId === id).length;
  const waitForNewBrowser = (session: TestAddress, pid: number | null): Promise<number> =>
    waitFor(
      async () => {
        const { body } = await harness.command('session.diagnostics', session);
        const isBack = body.snapshot.state === 'connected' && body.browserPid !== pid;
        return isBack ? body.browserPid : undefined;
      },
      { what: 'another browser to be connected', deadlineMs: 120_000, pollMs: 100 },
    );

  beforeAll(async () => {
    await harness.start();
    await harness.control('POST', '/accounts', { phone: FRIEND, name: 'Friend' });
    await Promise.all(sessions.map((session, index) => harness.link(session, PHONES[index] ?? '')));
  }, 180_000);
  afterAll(() => harness.stop(), 60_000);

  it.each([
    {
      failure: 'the renderer crashes',
      reason: 'page_crashed',
      fail: () =>
        harness.control('PUT', '/faults', {
          faults: [{ kind: 'rendererCrash', phone: PHONES[0], times: 1 }],
        }),
    },
    {
      failure: 'the page hangs',
      reason: 'probe_failed',
      fail: () =>
        harness.control('PUT', '/faults', { faults: [{ kind: 'hang', phone: PHONES[0], times: 1 }] }),
    },
    {
      failure: 'the browser is killed',
      reason: 'browser_gone',
      fail: (pid: number) => Promise.resolve(process.kill(pid, 'SIGKILL')),
    },
    {
      failure: 'the browser is frozen',
      reason: 'probe_failed',
      fail: (pid: number) => Promise.resolve(process.kill(pid, 'SIGSTOP')),
    },
  ])(
    'is connected again when $failure, misses nothing, and its neighbour does not notice',
    async ({ reason, fail }) => {
      const [pid, neighbour] = await Promise.all(sessions.map((session) => harness.browserPid(session)));
      const before = await harness.snapshot(second);
      const known = harness.api.factsOf('session.state', first.sessionId).length;
      await fail(pid ?? 0);
      await waitFor(
        () =>
          harness.api
            .factsOf('session.state', first.sessionId)
            .slice(known)
            .some(({ snapshot }) => snapshot.state === 'interrupted' && snapshot.reason === reason),
        { what: `interrupted (${reason})`, deadlineMs: 60_000 },
      );
      const whileAway = await receive(PHONES[0], 'are you there?');
      await waitForNewBrowser(first, pid ?? null);
      await harness.control('DELETE', '/faults');
      await harness.waitForMessage(first, whileAway);
      expect(reported(first, whileAway)).toBe(1);
      expect(await harness.browserPid(second)).toBe(neighbour);
      expect((await harness.snapshot(second)).since).toBe(before.since);
      const order = textSend(`${FRIEND}@c.us`, 'yes');
      const { body } = await harness.command('message.send', { ...first, ...order });
      expect(body).toMatchObject({ outcome: 'handed' });
    },
    180_000,
  );

  it('reports what came in and was acknowledged while the api was away, once it is back', async () => {
    harness.api.isUp = false;
    const ids: string[] = [];
    for (let count = 0; count < 30; count += 1) ids.push(await receive(PHONES[1], `message ${count}`));
    await waitFor(
      async () => {
        const { body } = await harness.command('session.diagnostics', second);
        return body.pendingEvents >= ids.length;
      },
      { what: 'events to wait for the api' },
    );
    harness.api.isUp = true;
    for (const id of ids) await harness.waitForMessage(second, id);
    expect(ids.map((id) => reported(second, id))).toEqual(ids.map(() => 1));
    const order = ids.map((id) =>
      harness.api
        .factsOf('message.upsert', second.sessionId)
        .findIndex(({ message }) => message.waMessageId === id),
    );
    expect(order).toEqual([...order].sort((a, b) => a - b));
  }, 90_000);

  it('loses nothing over an end and a new start of the node, and asks for no QR', async () => {
    harness.api.isUp = false;
    const unreported = await receive(PHONES[1], 'taken by the page, not by the api');
    await waitFor(async () => (await harness.command('session.diagnostics', second)).body.pendingEvents > 0, {
      what: 'the event to wait',
    });
    const pids = await Promise.all(sessions.map((session) => harness.browserPid(session)));
    await harness.node.close();
    for (const pid of pids) expect(() => process.kill(pid ?? 0, 0)).toThrow('ESRCH');
    const whileDown = await receive(PHONES[1], 'sent while the node was down');
    harness.api.isUp = true;
    await harness.startNode();
    await Promise.all(sessions.map((session) => harness.waitForState(session, 'connected')));
    await harness.waitForMessage(second, unreported);
    await harness.waitForMessage(second, whileDown);
  }, 180_000);

  it('keeps what its page took in after a browser that was killed while it wrote', async () => {
    await harness.command('session.stop', second);
    const databases = join(profileOf(second), 'Default', 'IndexedDB');
    const logs = (await readdir(databases, { recursive: true })).filter((name) => name.endsWith('.log'));
    expect(logs.length).toBeGreaterThan(0);
    // A record of 3,000 bytes, of which only the header was written.
    const torn = Buffer.from([0x12, 0x34, 0x56, 0x78, 0xb8, 0x0b, 0x01]);
    for (const log of logs) await appendFile(join(databases, log), torn);
    await harness.command('session.start', { ...second, mode: 'test' });
    await harness.waitForState(second, 'connected');

    harness.api.isUp = false;
    const unreported = await receive(PHONES[1], 'in the page only');
    await waitFor(async () => (await harness.command('session.diagnostics', second)).body.pendingEvents > 0, {
      what: 'the page to have it',
    });
    await harness.node.close();
    harness.api.isUp = true;
    await harness.startNode();
    await harness.waitForState(second, 'connected');
    await harness.waitForMessage(second, unreported);
  }, 180_000);

  it('starts over a stale lock of another machine', async () => {
    await harness.command('session.stop', first);
    await symlink('otherhost-1', join(profileOf(first), 'SingletonLock'));
    await harness.command('session.start', { ...first, mode: 'test' });
    await harness.waitForState(first, 'connected');
  }, 120_000);

  it('is gone from the disk after a delete', async () => {
    harness.api.assigned = harness.api.assigned.filter(({ sessionId }) => sessionId !== first.sessionId);
    expect((await harness.command('session.delete', first)).status).toBe(200);
    await expect(access(join(harness.folder, 'profiles', first.sessionId))).rejects.toMatchObject({
      code: 'ENOENT',
    });
  }, 60_000);
});
