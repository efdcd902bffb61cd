import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Clock } from '#kernel';
import { TokenBucketStorage } from './token-bucket-storage.js';

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
    const storage = new TokenBucketStorage(clock);
    const take = () => storage.take('a', TTL_MS, 6);
    for (let hit = 1; hit <= 6; hit += 1) expect(take()).toMatchObject({ totalHits: hit, isBlocked: false });
    expect(take()).toMatchObject({ totalHits: 7, isBlocked: true, timeToBlockExpire: 10, timeToExpire: 60 });
    clock.ms += 9_999;
    expect(take()).toMatchObject({ isBlocked: true, timeToBlockExpire: 1 });
    clock.ms += 1;
    expect(take()).toMatchObject({ isBlocked: false });
    expect(take()).toMatchObject({ isBlocked: true });
  });

  it('never lets more through than the limit and what refills, over any window', () => {
    const step = fc.integer({ min: 0, max: 5_000 });
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 1, max: 50 }),
        (steps, limit) => {
          const clock = new HandClock();
          const storage = new TokenBucketStorage(clock);
          const passedMs: number[] = [];
          for (const waitMs of steps) {
            clock.ms += waitMs;
            if (!storage.take('a', TTL_MS, limit).isBlocked) passedMs.push(clock.ms);
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
    const storage = new TokenBucketStorage(new HandClock());
    expect(storage.take('a', TTL_MS, 1).isBlocked).toBe(false);
    expect(storage.peek('a', TTL_MS, 1).isBlocked).toBe(true);
    expect(storage.peek('b', TTL_MS, 1).isBlocked).toBe(false);
    expect(storage.take('b', TTL_MS, 1).isBlocked).toBe(false);
  });
});
