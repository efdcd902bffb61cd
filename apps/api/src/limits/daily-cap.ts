import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { asQuery, type Query } from '#database';
import { AppError } from '#kernel';

/** The daily message caps of a tenant and of its sessions, counted per UTC day. */
@Injectable()
export class DailyCap {
  /**
   * Counts `count` messages in the caller's transaction; one round trip. Concurrent takers seldom wait for each other
   * and never pass the cap together. What is rolled back is not counted.
   * @throws AppError `daily_limit_reached`; the caller's transaction must then be rolled back
   */
  async take(tx: EntityManager | Query, tenantId: string, sessionId?: string, count = 1): Promise<void> {
    const [row] = await asQuery(tx)<{ reached: 'tenant' | 'session' | null }>(TAKE, [
      tenantId,
      sessionId ?? null,
      count,
    ]);
    if (!row?.reached) return;
    const retryAfterSeconds = secondsUntilMidnight(new Date());
    throw new AppError(
      'daily_limit_reached',
      `the ${row.reached}'s daily message limit is reached; it starts anew at 00:00 UTC`,
      {
        retryAfterSeconds,
        details: [{ path: `limit.${row.reached}`, message: 'messages per UTC day' }],
      },
    );
  }
}

const TAKE = { name: 'daily_cap_take', text: 'SELECT wagate_take_daily($1, $2, $3) AS reached' };

function secondsUntilMidnight(now: Date): number {
  return Math.ceil((new Date(now).setUTCHours(24, 0, 0, 0) - now.getTime()) / 1000);
}
