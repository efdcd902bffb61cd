import { describe, expect, it } from 'vitest';
import { Clock } from '#kernel';
import { CheckPacer } from './check-pacer.js';

class SetClock extends Clock {
  ms = 0;

  override now(): Date {
    return new Date(this.ms);
  }

  override monotonicMs(): number {
    return this.ms;
  }
}

describe('CheckPacer', () => {
  it('lets a session ask for 20 at once, then for one every three seconds, and no other session pays for it', () => {
    const clock = new SetClock();
    const pacer = new CheckPacer(clock);
    pacer.take('a', 20);
    expect(() => pacer.take('a', 1)).toThrow(
      expect.objectContaining({ code: 'rate_limited', retryAfterSeconds: 3 }),
    );
    pacer.take('b', 20);
    clock.ms += 3_000;
    pacer.take('a', 1);
    expect(() => pacer.take('a', 1)).toThrow('try again later');
    clock.ms += 3_600_000;
    pacer.take('a', 20);
    expect(() => pacer.take('a', 1)).toThrow('try again later');
  });

  it('takes nothing when it refuses', () => {
    const clock = new SetClock();
    const pacer = new CheckPacer(clock);
    pacer.take('a', 15);
    expect(() => pacer.take('a', 6)).toThrow(expect.objectContaining({ retryAfterSeconds: 3 }));
    pacer.take('a', 5);
  });

  it('gives one at a time for those who can do without', () => {
    const clock = new SetClock();
    const pacer = new CheckPacer(clock);
    pacer.take('a', 19);
    expect([pacer.takeOne('a'), pacer.takeOne('a'), pacer.takeOne('b')]).toEqual([true, false, true]);
    clock.ms += 3_000;
    expect([pacer.takeOne('a'), pacer.takeOne('a')]).toEqual([true, false]);
  });
});
