import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import { NodeHarness, textSend } from './support/node-harness.js';

const ME = '4915112345691';
const FRIEND = '4915112345692';
const BURST = 300;

describe('many messages at once', () => {
  const harness = new NodeHarness('2026-09');
  const session = harness.address();
  const receive = async (body: string): Promise<string> =>
    (await harness.control<{ id: string }>('POST', '/messages', { from: FRIEND, to: ME, type: 'text', body }))
      .id;
  const receiveMany = (count: number): Promise<string[]> =>
    Promise.all(Array.from({ length: count }, (_, index) => receive(`message ${index}`)));
  const reported = (): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const { message } of harness.api.factsOf('message.upsert', session.sessionId)) {
      if (message.fromMe) continue;
      counts.set(message.waMessageId, (counts.get(message.waMessageId) ?? 0) + 1);
    }
    return counts;
  };

  /** The network has its connection again; the node may say `connected` for a while yet when it is lost. */
  const login = () =>
    waitFor(
      async () => {
        type Logins = { linked: { phone: string; connected: boolean }[] };
        const { linked } = await harness.control<Logins>('GET', '/logins');
        return linked.some(({ phone, connected }) => phone === ME && connected);
      },
      { what: 'the login to be connected' },
    );

  beforeAll(async () => {
    await harness.start();
    await harness.control('POST', '/accounts', { phone: FRIEND, name: 'Friend' });
    await harness.link(session, ME);
  }, 120_000);
  afterAll(() => harness.stop(), 60_000);

  it('reports each of a burst once, live and after an outage', async () => {
    const live = await receiveMany(BURST);
    await harness.control('POST', `/logins/${ME}/drop`, { forMs: 3_000 });
    const away = await receiveMany(BURST);
    const ids = [...live, ...away];
    await waitFor(() => reported().size >= ids.length, { what: 'all to be reported', deadlineMs: 90_000 });
    const counts = reported();
    expect(ids.filter((id) => counts.get(id) !== 1)).toEqual([]);
    expect((await harness.command('session.diagnostics', session)).body.restartsLastHour).toBe(0);
  }, 150_000);

  it('loses and doubles nothing while the page reloads again and again', async () => {
    const ids: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      for (let count = 0; count < 20; count += 1) ids.push(await receive(`round ${round}, ${count}`));
      await login();
      await harness.control('POST', `/logins/${ME}/reload`);
      for (let count = 0; count < 20; count += 1) ids.push(await receive(`round ${round}, later ${count}`));
      await harness.waitForState(session, 'connected');
    }
    for (const id of ids) await harness.waitForMessage(session, id);
    const counts = reported();
    expect(ids.filter((id) => counts.get(id) !== 1)).toEqual([]);
    expect((await harness.command('session.diagnostics', session)).body.quarantinedEvents).toBe(0);
  }, 180_000);

  it('hands over what is sent at once, each under its id and once', async () => {
    const orders = Array.from({ length: 64 }, (_, index) => textSend(`${FRIEND}@c.us`, `out ${index}`));
    const answers = await Promise.all(
      orders.map((order) => harness.command('message.send', { ...session, ...order })),
    );
    expect(answers.map(({ body }) => body.outcome)).toEqual(orders.map(() => 'handed'));
    // The library's answer may come a moment before the network has the frame.
    const sent = await waitFor(
      async () => {
        const list = await harness.control<{ waMessageId: string; handOvers: number }[]>(
          'GET',
          `/sent?from=${ME}&limit=1000`,
        );
        return list.length >= orders.length && list;
      },
      { what: 'all to be handed over' },
    );
    expect(sent.map(({ waMessageId }) => waMessageId)).toEqual(orders.map(({ waMessageId }) => waMessageId));
    expect(sent.every(({ handOvers }) => handOvers === 1)).toBe(true);
  }, 60_000);
});
