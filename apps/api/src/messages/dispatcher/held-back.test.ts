import { describe, expect, it } from 'vitest';
import { whyExpired, type HoldingFacts } from './held-back.js';

const at = (time: string) => new Date(`2026-01-01T${time}Z`);

/** Nothing holds it back. */
const facts: HoldingFacts = {
  id: 'msg_1',
  expiresAt: at('12:30:00'),
  seenAt: at('12:30:01'),
  state: 'connected',
  reason: 'ready',
  since: at('09:00:00'),
  isRunning: true,
  pausedAt: null,
  pauseReason: null,
  isHeard: true,
  claims: 0,
  isRetryLate: false,
  attemptReason: null,
  blockedBy: null,
  limits: [],
  isStrangerHeld: false,
  ahead: 0,
};
const away = { state: 'interrupted', reason: 'network', since: at('12:03:00') } as const;
const paused = { pausedAt: at('12:10:00'), pauseReason: 'requested' } as const;

const TABLE: [Partial<HoldingFacts>, RegExp][] = [
  [
    away,
    /: its session was not connected: interrupted since 2026-01-01 12:03:00 UTC \(WhatsApp Web has no connection to WhatsApp\)\.$/,
  ],
  [paused, /: its session was paused by request since 2026-01-01 12:10:00 UTC\.$/],
  [
    { ...paused, pauseReason: 'unacknowledged' },
    /paused, as a signal said to stop, since .+ \(WhatsApp acknowledged none of the last messages\)\.$/,
  ],
  [{ ...paused, ...away }, /paused by request since .+, and its session was not connected: interrupted/],
  [{ isRunning: false }, /was being stopped\.$/],
  [{ isHeard: false }, /node of its session was not heard of\.$/],
  [{ since: at('12:30:01') }, /was not connected; it has been only since 2026-01-01 12:30:01 UTC\.$/],
  [
    { isRetryLate: true, attemptReason: 'busy', blockedBy: 'retry' },
    /had certainly not left: the session had too much to do \(busy\), and/,
  ],
  [{ blockedBy: 'unknown', limits: ['perDay'] }, /message of its chat was of unknown fate/],
  [{ blockedBy: 'retry' }, /message of its chat was to be tried again/],
  [{ blockedBy: 'sending' }, /message of its chat was being handed to WhatsApp/],
  [
    { limits: ['gapMs', 'perHour'], ahead: 3 },
    /pacing .+ \(`perHour`\) was reached; 3 messages were to leave before it\.$/,
  ],
  [{ limits: ['ramp'], ahead: 1 }, /\(`ramp`\) was reached; 1 message was to leave before it\.$/],
  [{ limits: ['gapMs'], blockedBy: 'sending' }, /with a gap after it \(`gapMs`, `jitterMs`\)\.$/],
  [{ limits: ['perMinute'], isStrangerHeld: true }, /\(`strangersPerDay`\), was reached\.$/],
  [{ limits: ['perDay'], isStrangerHeld: true }, /\(`perDay`\) was reached\.$/],
  [{ ahead: 200 }, /: 200 messages or more were to leave before it in its session\.$/],
  [{ claims: 2 }, /came back without having reached a page\.$/],
  [{}, /nothing is known that held it back\.$/],
];

describe('what held back a message that expired', () => {
  it.each(TABLE)('%j', (changes, sentence) => {
    const why = whyExpired({ ...facts, ...changes });
    expect(why).toMatch(/^It could not be sent before it expired: /);
    expect(why).toMatch(sentence);
  });

  it('is not what came only after its time was over', () => {
    const after = at('12:30:01');
    expect(whyExpired({ ...facts, ...away, since: after })).toMatch(/nothing is known/);
    expect(whyExpired({ ...facts, ...paused, pausedAt: after })).toMatch(/nothing is known/);
  });

  it('says so when nobody looked in time', () => {
    expect(whyExpired({ ...facts, ...away, seenAt: at('12:31:30') })).toMatch(
      /stood 90 seconds after its time\.$/,
    );
  });
});
