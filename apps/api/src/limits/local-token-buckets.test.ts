import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Clock } from '#kernel';
import { LocalTokenBuckets } from './local-token-buckets.js';

class HandClock extends Clock {
  ms = 0;

  override now(): Date {
    return new Date(this.ms);
  }

  override monotonicMs(): number {
    return this.ms;
  }
}

const TTL_MS = 60_000;

describe('a token bucket', () => {
  it('lets the whole limit through at once, then one per refill, and says when', () => {
    const clock = new HandClock();
    const buckets = new LocalTokenBuckets(clock);
    const take = () => buckets.take('a', TTL_MS, 6);
    for (let left = 5; left >= 0; left -= 1) expect(take()).toMatchObject({ remaining: left, allowed: true });
    expect(take()).toMatchObject({ remaining: 0, allowed: false, retryAfterSeconds: 10, resetSeconds: 60 });
    clock.ms += 9_999;
    expect(take()).toMatchObject({ allowed: false, retryAfterSeconds: 1 });
    clock.ms += 1;
    expect(take()).toMatchObject({ allowed: true });
    expect(take()).toMatchObject({ allowed: false });
  });

  it('never lets more through than the limit and what refills, over any window', () => {
    const step = fc.integer({ min: 0, max: 5_000 });
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 1, max: 50 }),
        (steps, limit) => {
          const clock = new HandClock();
          const buckets = new LocalTokenBuckets(clock);
          const passedMs: number[] = [];
          for (const waitMs of steps) {
            clock.ms += waitMs;
            if (buckets.take('a', TTL_MS, limit).allowed) passedMs.push(clock.ms);
          }
          for (const [i, startMs] of passedMs.entries()) {
            for (let j = i; j < passedMs.length; j += 1) {
              const spanMs = (passedMs[j] ?? 0) - startMs;
              expect(j - i + 1).toBeLessThanOrEqual(limit + (spanMs * limit) / TTL_MS + 1e-6);
            }
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('keeps buckets apart and peeks without taking', () => {
    const buckets = new LocalTokenBuckets(new HandClock());
    expect(buckets.take('a', TTL_MS, 1).allowed).toBe(true);
    expect(buckets.peek('a', TTL_MS, 1).allowed).toBe(false);
    expect(buckets.peek('b', TTL_MS, 1).allowed).toBe(true);
    expect(buckets.take('b', TTL_MS, 1).allowed).toBe(true);
  });
});
