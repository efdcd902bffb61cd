import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '#kernel';
import { bucketStateOf, type BucketState } from './bucket-state.js';

interface Bucket {
  tokens: number;
  atMs: number;
  /** From when on the bucket is full, that is, as good as never used. */
  fullAtMs: number;
}

const SWEEP_EVERY = 10_000;

/**
 * Token buckets of this process: `limit` tokens, refilled evenly over `ttlMs`. Unlike a fixed window it does not
 * let twice the limit through around a window's edge.
 */
@Injectable()
export class LocalTokenBuckets {
  private readonly buckets = new Map<string, Bucket>();
  private untilSweep = SWEEP_EVERY;

  constructor(@Inject(Clock) private readonly clock: Clock) {}

  /** Takes a token if there is one. */
  take(key: string, ttlMs: number, limit: number): BucketState {
    const bucket = this.refilled(key, ttlMs, limit);
    const allowed = bucket.tokens >= 1;
    if (allowed) bucket.tokens -= 1;
    bucket.fullAtMs = bucket.atMs + ((limit - bucket.tokens) * ttlMs) / limit;
    this.buckets.set(key, bucket);
    this.sweepNowAndThen();
    return bucketStateOf(bucket.tokens, allowed, { ttlMs, limit });
  }

  /** The same without taking. */
  peek(key: string, ttlMs: number, limit: number): BucketState {
    const bucket = this.refilled(key, ttlMs, limit);
    return bucketStateOf(bucket.tokens, bucket.tokens >= 1, { ttlMs, limit });
  }

  private refilled(key: string, ttlMs: number, limit: number): Bucket {
    const nowMs = this.clock.monotonicMs();
    const known = this.buckets.get(key);
    if (!known) return { tokens: limit, atMs: nowMs, fullAtMs: nowMs };
    const tokens = Math.min(limit, known.tokens + ((nowMs - known.atMs) * limit) / ttlMs);
    return { tokens, atMs: nowMs, fullAtMs: nowMs + ((limit - tokens) * ttlMs) / limit };
  }

  private sweepNowAndThen(): void {
    this.untilSweep -= 1;
    if (this.untilSweep > 0) return;
    this.untilSweep = SWEEP_EVERY;
    const nowMs = this.clock.monotonicMs();
    for (const [key, bucket] of this.buckets) if (bucket.fullAtMs <= nowMs) this.buckets.delete(key);
  }
}
