import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import { NodeHarness, textSend } from './support/node-harness.js';

const ME = '4915112345671';
const FRIEND = '4915112345672';

describe.each(['classic', '2026-09'] as const)('a session on build %s', (profile) => {
  const harness = new NodeHarness(profile);
  const session = harness.address();

  beforeAll(async () => {
    await harness.start();
    await harness.control('POST', '/accounts', { phone: FRIEND, name: 'Friend' });
  });
  afterAll(() => harness.stop());

  it('is linked by its QR and proves that it is connected', async () => {
    const snapshot = await harness.link(session, ME);
    expect(snapshot).toMatchObject({ state: 'connected', reason: 'ready', me: { phone: ME } });
    const { body } = await harness.command('session.diagnostics', session);
    expect(body).toMatchObject({ brokenContracts: [], waVersion: expect.stringContaining('2.3000') as string });
  }, 120_000);

  it('sends a text under the id that was chosen for it', async () => {
    const order = textSend(`${FRIEND}@c.us`, 'hello');
    const { body } = await harness.command('message.send', { ...session, ...order });
    expect(body).toMatchObject({ outcome: 'handed', chatId: `${FRIEND}@c.us` });
    const sent = await harness.control<{ waMessageId: string; handOvers: number; body: string }[]>(
      'GET',
      `/sent?from=${ME}`,
    );
    expect(sent).toMatchObject([{ waMessageId: order.waMessageId, handOvers: 1, body: 'hello' }]);
  });

  it('reports a text that comes in', async () => {
    const { id } = await harness.control<{ id: string }>('POST', '/messages', {
      from: FRIEND,
      to: ME,
      type: 'text',
      body: 'hi there',
    });
    const message = await harness.waitForMessage(session, id);
    expect(message).toMatchObject({
      fromMe: false,
      chat: { id: `${FRIEND}@c.us`, kind: 'person' },
      author: { phone: FRIEND },
      content: { type: 'text', text: 'hi there' },
    });
    await waitFor(() => harness.api.factsOf('message.ack', session.sessionId).length > 0, { what: 'an ack' });
  });
});
