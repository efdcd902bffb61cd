import { describe, expect, it } from 'vitest';
import { CLAIM_SECONDS, downloadTimeoutMs, retryWaitMs } from './media-schedule.js';

describe('the schedule of downloads', () => {
  it('waits between nothing and a ceiling that grows sixfold, up to six hours', () => {
    const ceilings = [0, 1, 2, 3, 4, 5, 6, 20].map((failures) =>
      retryWaitMs(failures, 5_000, () => 0.999_999_999),
    );
    expect(ceilings.map((ms) => Math.round(ms / 1_000))).toEqual([
      5, 30, 180, 1_080, 6_480, 21_600, 21_600, 21_600,
    ]);
    expect(retryWaitMs(4, 5_000, () => 0)).toBe(0);
    expect(retryWaitMs(1, 5_000, () => 0.5)).toBe(15_000);
  });

  it('gives a file time by its size, and never longer than its claim lasts', () => {
    expect(downloadTimeoutMs(0)).toBe(180_000);
    expect(downloadTimeoutMs(10_000_000)).toBe(480_000);
    expect(downloadTimeoutMs(2 ** 40)).toBeLessThan(CLAIM_SECONDS * 1_000);
  });
});
