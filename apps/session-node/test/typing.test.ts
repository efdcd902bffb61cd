import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NodeHarness, textSend } from './support/node-harness.js';

const ME = '4915112345711';
const FRIEND = '4915112345712';
const OTHER = '4915112345713';
const STRANGER = '4915112345719';
const TYPING_MS = 1_500;

interface Shown {
  to: string;
  state: string;
  at: number;
}

describe.each(['classic', '2026-09'] as const)('"typing" before a message, in build %s', (profile) => {
  const harness = new NodeHarness(profile);
  const session = harness.address();
  const send = async (order: object) => {
    const { body } = await harness.command('message.send', { ...session, ...order });
    return { ...body, atMs: Date.now() };
  };

  beforeAll(async () => {
    await harness.start();
    for (const phone of [FRIEND, OTHER]) await harness.control('POST', '/accounts', { phone, name: phone });
    await harness.link(session, ME);
  }, 120_000);
  afterAll(() => harness.stop(), 60_000);

  it('shows in its chat for the time that was asked, and only that chat waits for it', async () => {
    const beganMs = Date.now();
    const [typed, other] = await Promise.all([
      send({ ...textSend(`${FRIEND}@c.us`, 'typed'), typingMs: TYPING_MS }),
      send(textSend(`${OTHER}@c.us`, 'not typed')),
    ]);
    expect([typed.outcome, other.outcome]).toEqual(['handed', 'handed']);
    expect(typed.atMs - beganMs).toBeGreaterThanOrEqual(TYPING_MS);
    expect(other.atMs).toBeLessThan(typed.atMs);
    const shown = await harness.control<Shown[]>('GET', `/chat-states?from=${ME}`);
    expect(shown.map(({ to, state }) => ({ to, state }))).toEqual([{ to: FRIEND, state: 'composing' }]);
    expect(typed.atMs - (shown[0]?.at ?? 0)).toBeGreaterThanOrEqual(TYPING_MS);
    expect(await harness.control('GET', `/sent?from=${ME}`)).toMatchObject([
      { to: OTHER, handOvers: 1 },
      { to: FRIEND, handOvers: 1 },
    ]);
  });

  it('is not followed by a message whose time is over by then, nor by those behind it in the chat', async () => {
    const late = {
      ...textSend(`${FRIEND}@c.us`, 'too late'),
      typingMs: TYPING_MS,
      expiresInMs: TYPING_MS / 3,
    };
    const behind = { ...textSend(`${FRIEND}@c.us`, 'behind it'), expiresInMs: TYPING_MS / 2 };
    const inTime = { ...textSend(`${FRIEND}@c.us`, 'in time'), expiresInMs: 120_000 };
    const answers = await Promise.all([send(late), send(behind), send(inTime)]);
    const expired = { outcome: 'not_sent', code: 'expired', retry: false };
    expect(answers).toMatchObject([expired, expired, { outcome: 'handed' }]);
    const bodies = (await harness.control<{ body: string }[]>('GET', `/sent?from=${ME}`)).map(
      ({ body }) => body,
    );
    expect(bodies).toContain('in time');
    expect(bodies).not.toContain('too late');
    expect(bodies).not.toContain('behind it');
  });

  it('is left out for a number that is not on WhatsApp, which gets its own answer', async () => {
    const answer = await send({ ...textSend(`${STRANGER}@c.us`, 'nobody'), typingMs: TYPING_MS });
    expect(answer).toMatchObject({ outcome: 'not_sent', code: 'not_on_whatsapp', retry: false });
    expect(await harness.control('GET', `/chat-states?from=${ME}&to=${STRANGER}`)).toEqual([]);
  });
});
