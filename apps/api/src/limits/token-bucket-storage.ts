import { Inject, Injectable } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import type { Logger } from 'pino';
import { Clock } from '#kernel';
import { LOGGER } from '../http/logger.js';
import type { BucketState } from './bucket-state.js';
import { LocalTokenBuckets } from './local-token-buckets.js';
import { SharedTokenBuckets } from './shared-token-buckets.js';

/** What the throttler's storage port answers; times in seconds. */
export type ThrottlerRecord = Awaited<ReturnType<ThrottlerStorage['increment']>>;

const WARN_EVERY_MS = 60_000;

/**
 * The storage port of @nestjs/throttler on token buckets: in Redis when there is one, else in this process. When Redis
 * is away, this process counts for itself: a broken Redis must not stop the API.
 */
@Injectable()
export class TokenBucketStorage implements ThrottlerStorage {
  private warnedMs = -Infinity;

  constructor(
    private readonly local: LocalTokenBuckets,
    @Inject(SharedTokenBuckets) private readonly shared: SharedTokenBuckets | null,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** Takes a token. A bucket refills by itself, so the port's block duration has no meaning here. */
  async increment(key: string, ttlMs: number, limit: number): Promise<ThrottlerRecord> {
    const { allowed, remaining, resetSeconds, retryAfterSeconds } = await this.take(key, ttlMs, limit);
    return {
      totalHits: limit - remaining + (allowed ? 0 : 1),
      timeToExpire: resetSeconds,
      isBlocked: !allowed,
      timeToBlockExpire: retryAfterSeconds,
    };
  }

  private async take(key: string, ttlMs: number, limit: number): Promise<BucketState> {
    if (this.shared === null) return this.local.take(key, ttlMs, limit);
    try {
      return await this.shared.take(key, ttlMs, limit);
    } catch (error) {
      this.warn(error);
      return this.local.take(key, ttlMs, limit);
    }
  }

  private warn(error: unknown): void {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.warnedMs < WARN_EVERY_MS) return;
    this.warnedMs = nowMs;
    this.logger.warn({ err: error }, 'Redis does not answer: rate limits are counted per process for now');
  }
}
