import { describe, expect, it } from 'vitest';
import { MOST_ATTEMPTS, nextWaitMs, readRetryAfter } from './delivery-schedule.js';

const HOUR_MS = 3_600_000;

describe('the schedule of attempts', () => {
  it('has at least ten, spread over at least 75 hours', () => {
    let totalMs = 0;
    let attempts = 1;
    for (
      let waitMs = nextWaitMs(1, null, () => 0);
      waitMs !== undefined;
      waitMs = nextWaitMs(attempts, null, () => 0)
    ) {
      totalMs += waitMs;
      attempts += 1;
    }
    expect(attempts).toBe(MOST_ATTEMPTS);
    expect(attempts).toBeGreaterThanOrEqual(10);
    expect(totalMs).toBeGreaterThanOrEqual(75 * HOUR_MS);
  });

  it('spreads what failed together', () => {
    const waits = new Set(Array.from({ length: 50 }, () => nextWaitMs(2, null)));
    expect(waits.size).toBeGreaterThan(10);
    for (const waitMs of waits) expect(waitMs).toBeGreaterThanOrEqual(300_000);
  });

  it('waits as long as it is asked to, but not for ever, and never less than it would', () => {
    expect(nextWaitMs(1, 600, () => 0)).toBe(600_000);
    expect(nextWaitMs(1, 10_000_000, () => 0)).toBe(24 * HOUR_MS);
    expect(nextWaitMs(2, 1, () => 0)).toBe(300_000);
  });
});

describe('Retry-After', () => {
  const nowMs = Date.parse('2026-01-01T00:00:00Z');
  it.each([
    ['120', 120],
    [' 5 ', 5],
    ['Thu, 01 Jan 2026 00:01:00 GMT', 60],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['soon', null],
    [undefined, null],
  ])('%s is %s', (header, seconds) => {
    const read = readRetryAfter(header, nowMs);

    expect(read).toBe(seconds);
  });
});
