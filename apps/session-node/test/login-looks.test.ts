import { access, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import { NodeHarness, textSend } from './support/node-harness.js';

const ME = '4915112345761';
const FRIEND = '4915112345762';
const LOOKS_APART_MS = 5_000;
/** Over before a doubt can have become the end. */
const TYPING_MS = 4_500;

describe('a page that says that the login is gone', () => {
  const harness = new NodeHarness('2026-09', { PROBE_INTERVAL_MS: '1000' });
  const session = harness.address();
  const profile = (name: string): string =>
    join(harness.folder, 'profiles', session.sessionId, `session-${session.sessionId}`, name);
  const says = (state: string) => harness.control('POST', `/logins/${ME}/state`, { state });
  const isThere = (name: string): Promise<boolean> =>
    access(profile(name)).then(
      () => true,
      () => false,
    );
  const states = (): { state: string; reason: string; since: string }[] =>
    harness.api.factsOf('session.state', session.sessionId).map(({ snapshot }) => snapshot);
  const codes = (): number => harness.api.factsOf('session.qr', session.sessionId).length;
  const waitForDoubt = () => harness.waitForState(session, 'interrupted');

  beforeAll(async () => {
    await harness.start();
    await harness.control('POST', '/accounts', { phone: FRIEND, name: 'Friend' });
  }, 120_000);
  beforeEach(async () => {
    if ((await harness.snapshot(session)).state !== 'connected') await harness.link(session, ME);
    await writeFile(profile('mark'), '');
  }, 120_000);
  afterAll(() => harness.stop(), 60_000);

  it('costs nothing when it says so for a moment, and meanwhile nothing is sent', async () => {
    const pid = await harness.browserPid(session);
    const known = states().length;
    await says('UNPAIRED');
    expect(await waitForDoubt()).toMatchObject({ reason: 'network', action: null, me: { phone: ME } });
    const order = { ...session, ...textSend(`${FRIEND}@c.us`, 'does it leave?') };
    expect((await harness.command('message.send', order)).body).toMatchObject({
      outcome: 'not_sent',
      code: 'session_not_connected',
      retry: true,
    });
    await harness.control('POST', `/logins/${ME}/drop`, {});
    await harness.waitForState(session, 'connected');
    expect(await harness.browserPid(session)).toBe(pid);
    expect(await isThere('mark')).toBe(true);
    await waitFor(() => states().slice(known).length >= 2, { what: 'the states to be reported' });
    expect(
      states()
        .slice(known)
        .map(({ state }) => state),
    ).toEqual(['interrupted', 'connected']);
    expect(await harness.control('GET', `/sent?from=${ME}`)).toEqual([]);
  }, 120_000);

  it('gets no message either that the node had before, and that waited to be sent', async () => {
    const order = { ...session, ...textSend(`${FRIEND}@c.us`, 'typed'), typingMs: TYPING_MS };
    const answer = harness.command('message.send', order);
    await waitFor(
      async () => (await harness.control<unknown[]>('GET', `/chat-states?from=${ME}`)).length > 0,
      { what: 'the typing to show', pollMs: 20 },
    );
    await says('UNPAIRED');
    expect((await answer).body).toMatchObject({
      outcome: 'not_sent',
      code: 'session_not_connected',
      retry: true,
    });
    await harness.control('POST', `/logins/${ME}/drop`, {});
    await harness.waitForState(session, 'connected');
    expect(await harness.control('GET', `/sent?from=${ME}`)).toEqual([]);
  }, 120_000);

  it('is looked at twice again by a node that starts between the looks', async () => {
    await says('UNPAIRED');
    await waitForDoubt();
    const known = codes();
    await harness.node.close();
    await harness.startNode();
    expect(await harness.waitForState(session, 'connected')).toMatchObject({ me: { phone: ME } });
    expect(await isThere('mark')).toBe(true);
    expect(codes()).toBe(known);
  }, 120_000);

  it('is believed when it goes on to say so', async () => {
    await says('UNPAIRED');
    await harness.waitForState(session, 'logged_out');
    expect(await isThere('.')).toBe(false);
    await waitFor(() => states().at(-1)?.reason === 'unlinked', { what: 'the end to be reported' });
    const [doubted, ended] = states().slice(-2);
    expect(doubted).toMatchObject({ state: 'interrupted', reason: 'network' });
    expect(Date.parse(ended?.since ?? '') - Date.parse(doubted?.since ?? '')).toBeGreaterThanOrEqual(
      LOOKS_APART_MS - 100,
    );
  }, 120_000);

  it('is believed after a removal by the phone while the node was away, in one start', async () => {
    await harness.node.close();
    await harness.control('POST', `/logins/${ME}/unlink`);
    const known = states().length;
    await harness.startNode();
    expect(await harness.waitForState(session, 'logged_out')).toMatchObject({ reason: 'unlinked' });
    expect(await isThere('.')).toBe(false);
    await waitFor(() => states().at(-1)?.reason === 'unlinked', { what: 'the end to be reported' });
    expect(
      states()
        .slice(known)
        .map(({ state }) => state),
    ).toEqual(['starting', 'starting', 'logged_out']);
  }, 120_000);

  it('with a QR code is looked at twice, and nobody is shown the code', async () => {
    await harness.node.close();
    await Promise.all(
      ['IndexedDB', 'Local Storage'].map((name) =>
        rm(profile(join('Default', name)), { recursive: true, force: true }),
      ),
    );
    const [known, shown] = [states().length, codes()];
    await harness.startNode();
    await harness.waitForState(session, 'logged_out');
    expect(await isThere('.')).toBe(false);
    await waitFor(() => states().at(-1)?.reason === 'unlinked', { what: 'the end to be reported' });
    const since = states()
      .slice(known)
      .map((told) => [told.state, Date.parse(told.since)] as const);
    expect(since.map(([state]) => state)).toEqual(['starting', 'starting', 'logged_out']);
    expect((since[2]?.[1] ?? 0) - (since[1]?.[1] ?? 0)).toBeGreaterThanOrEqual(LOOKS_APART_MS);
    expect(codes()).toBe(shown);
  }, 120_000);
});
