import { AppError } from '#kernel';
import type { WebhookLimits } from './webhook-limits.js';

const RETRY_AFTER_SECONDS = 5;

/** Keeps tests of receivers that hang from taking this process' connections: each tenant has a few at a time. */
export class TestPosts {
  private readonly running = new Map<string, number>();

  constructor(private readonly limits: Pick<WebhookLimits, 'testsPerTenant'>) {}

  /** @throws AppError `rate_limited` while the tenant has as many tests as it may have */
  async run<T>(tenantId: string, work: () => Promise<T>): Promise<T> {
    const running = this.running.get(tenantId) ?? 0;
    if (running >= this.limits.testsPerTenant) {
      const message = `${String(running)} tests of webhooks wait for an answer; try again when one has it`;
      throw new AppError('rate_limited', message, { retryAfterSeconds: RETRY_AFTER_SECONDS });
    }
    this.running.set(tenantId, running + 1);
    try {
      return await work();
    } finally {
      const left = (this.running.get(tenantId) ?? 1) - 1;
      if (left > 0) this.running.set(tenantId, left);
      else this.running.delete(tenantId);
    }
  }
}
