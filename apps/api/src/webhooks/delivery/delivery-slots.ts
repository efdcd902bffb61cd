import { Injectable } from '@nestjs/common';
import { WebhookLimits } from './webhook-limits.js';

interface Share {
  /** Posts under way. */
  posts: number;
  /** Webhooks that have some. */
  webhooks: number;
  waiting: Set<() => void>;
}

/**
 * Counts the posts under way of each tenant, so that one whose receivers hang takes no more than its share of this
 * process' connections and memory. When all of it is taken, each of its webhooks may have an equal part under way:
 * those that are slow hold up none that is not.
 */
@Injectable()
export class DeliverySlots {
  private readonly shares = new Map<string, Share>();

  constructor(private readonly limits: WebhookLimits) {}

  /**
   * Room for one more post; `give` it back.
   * @param ofWebhook posts that its webhook has under way already
   * @param freed called once, when there may be room again, after a refusal
   */
  take(tenantId: string, ofWebhook: number, freed: () => void): boolean {
    const share = this.shares.get(tenantId) ?? { posts: 0, webhooks: 0, waiting: new Set() };
    const { postsPerTenant, surePostsPerWebhook } = this.limits;
    const part = Math.max(surePostsPerWebhook, Math.floor(postsPerTenant / Math.max(1, share.webhooks)));
    if (share.posts >= postsPerTenant && ofWebhook >= part) {
      share.waiting.add(freed);
      return false;
    }
    share.waiting.delete(freed);
    share.posts += 1;
    if (ofWebhook === 0) share.webhooks += 1;
    this.shares.set(tenantId, share);
    return true;
  }

  /**
   * Whoever has waited longest is told first.
   * @param ofWebhook posts that its webhook still has under way
   */
  give(tenantId: string, ofWebhook: number): void {
    const share = this.shares.get(tenantId);
    if (!share) return;
    share.posts -= 1;
    if (ofWebhook === 0) share.webhooks -= 1;
    const [next] = share.waiting;
    if (next) share.waiting.delete(next);
    if (share.posts === 0) this.shares.delete(tenantId);
    next?.();
  }
}
