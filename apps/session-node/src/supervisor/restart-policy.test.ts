import { describe, expect, it } from 'vitest';
import { Clock } from '#kernel';
import { RestartPolicy } from './restart-policy.js';

class SetClock extends Clock {
  ms = 0;
  override now(): Date {
    return new Date(this.ms);
  }
  override monotonicMs(): number {
    return this.ms;
  }
}

const LIMITS = { firstMaxMs: 2_000, maxMs: 300_000, perHour: 10 };

describe('RestartPolicy', () => {
  it('waits shortly at first, then longer, never beyond five minutes', () => {
    const policy = new RestartPolicy(new SetClock(), LIMITS, () => 0.999_999);
    const waits = Array.from({ length: 10 }, () => policy.next());
    expect(waits[0]).toBeLessThanOrEqual(2_000);
    expect(waits.slice(0, 4)).toEqual([2_000, 4_000, 8_000, 16_000]);
    expect(Math.max(...waits.map((wait) => wait ?? 0))).toBe(300_000);
  });

  it('gives up after ten restarts within an hour, and counts only that hour', () => {
    const clock = new SetClock();
    const policy = new RestartPolicy(clock, LIMITS);
    for (let count = 0; count < 10; count += 1) expect(policy.next()).toBeDefined();
    expect(policy.next()).toBeUndefined();
    clock.ms += 600_000;
    expect(policy.roomInMs).toBe(3_000_001);
    clock.ms += policy.roomInMs;
    expect(policy.roomInMs).toBe(0);
    expect(policy.lastHour).toBe(0);
    expect(policy.next()).toBeDefined();
  });

  it('waits shortly again after a recovery, but keeps the budget', () => {
    const policy = new RestartPolicy(new SetClock(), LIMITS, () => 0.999_999);
    policy.next();
    policy.next();
    policy.recovered();
    expect(policy.next()).toBe(2_000);
    expect(policy.lastHour).toBe(3);
    policy.reset();
    expect(policy.lastHour).toBe(0);
  });
});
