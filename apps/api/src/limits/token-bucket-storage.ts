import { Inject, Injectable } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { Clock } from '#kernel';

/** What a storage of @nestjs/throttler answers; times in seconds. */
export type ThrottlerRecord = Awaited<ReturnType<ThrottlerStorage['increment']>>;

interface Bucket {
  tokens: number;
  atMs: number;
  /** From when on the bucket is full, that is, as good as never used. */
  fullAtMs: number;
}

const SWEEP_EVERY = 10_000;

/**
 * Token buckets in memory: `limit` tokens, refilled evenly over `ttl` milliseconds. Unlike a fixed window it does not
 * let twice the limit through around a window's edge.
 */
@Injectable()
export class TokenBucketStorage implements ThrottlerStorage {
  private readonly buckets = new Map<string, Bucket>();
  private untilSweep = SWEEP_EVERY;

  constructor(@Inject(Clock) private readonly clock: Clock) {}

  increment(
    key: string,
    ttl: number,
    limit: number,
    _blockDuration: number,
    name: string,
  ): Promise<ThrottlerRecord> {
    return Promise.resolve(this.take(`${name}:${key}`, ttl, limit));
  }

  /** Takes a token if there is one. */
  take(key: string, ttlMs: number, limit: number): ThrottlerRecord {
    const bucket = this.refilled(key, ttlMs, limit);
    const allowed = bucket.tokens >= 1;
    if (allowed) bucket.tokens -= 1;
    bucket.fullAtMs = bucket.atMs + ((limit - bucket.tokens) * ttlMs) / limit;
    this.buckets.set(key, bucket);
    this.sweepNowAndThen();
    return recordOf(bucket, ttlMs, limit, allowed);
  }

  /** The same without taking. */
  peek(key: string, ttlMs: number, limit: number): ThrottlerRecord {
    const bucket = this.refilled(key, ttlMs, limit);
    return recordOf(bucket, ttlMs, limit, bucket.tokens >= 1);
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

function recordOf(bucket: Bucket, ttlMs: number, limit: number, allowed: boolean): ThrottlerRecord {
  const used = limit - Math.floor(bucket.tokens);
  const untilTokenMs = allowed ? 0 : ((1 - bucket.tokens) * ttlMs) / limit;
  return {
    totalHits: allowed ? used : used + 1,
    timeToExpire: Math.ceil(Math.max(0, bucket.fullAtMs - bucket.atMs) / 1000),
    isBlocked: !allowed,
    timeToBlockExpire: Math.max(allowed ? 0 : 1, Math.ceil(untilTokenMs / 1000)),
  };
}
