import { Injectable } from '@nestjs/common';
import { AppError, Clock } from '#kernel';

/** Numbers a session may look up at once, and how fast that grows back. */
const BURST = 20;
const PER_MINUTE = 20;

interface Bucket {
  tokens: number;
  atMs: number;
}

/**
 * Paces look-ups of numbers, as WhatsApp restricts logins that ask for many: each session may ask for 20 at once and
 * for 20 a minute. Counted by each api process for itself.
 */
@Injectable()
export class CheckPacer {
  private readonly buckets = new Map<string, Bucket>();

  constructor(private readonly clock: Clock) {}

  /** @throws AppError `rate_limited` that says when to come back; nothing is taken then */
  take(sessionId: string, count: number): void {
    const missing = this.tryTake(sessionId, count);
    if (missing === 0) return;
    const message = `a session can look up ${PER_MINUTE} numbers a minute; try again later`;
    throw new AppError('rate_limited', message, {
      retryAfterSeconds: Math.ceil((missing * 60) / PER_MINUTE),
    });
  }

  /** True when one number was taken; false when none is left now. */
  takeOne(sessionId: string): boolean {
    return this.tryTake(sessionId, 1) === 0;
  }

  /** How many are missing; 0 when they were taken. */
  private tryTake(sessionId: string, count: number): number {
    const nowMs = this.clock.monotonicMs();
    this.forgetFull(nowMs);
    const tokens = filled(this.buckets.get(sessionId), nowMs);
    if (tokens < count) return count - tokens;
    this.buckets.set(sessionId, { tokens: tokens - count, atMs: nowMs });
    return 0;
  }

  private forgetFull(nowMs: number): void {
    for (const [id, bucket] of this.buckets) if (filled(bucket, nowMs) >= BURST) this.buckets.delete(id);
  }
}

function filled(bucket: Bucket | undefined, nowMs: number): number {
  if (!bucket) return BURST;
  return Math.min(BURST, bucket.tokens + ((nowMs - bucket.atMs) / 60_000) * PER_MINUTE);
}
