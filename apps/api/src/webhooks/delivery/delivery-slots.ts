import { Injectable } from '@nestjs/common';
import { WebhookLimits } from './webhook-limits.js';

/**
 * Counts the posts under way of each tenant, so that one whose receivers hang takes no more than its share of this
 * process' connections and memory.
 */
@Injectable()
export class DeliverySlots {
  private readonly taken = new Map<string, number>();
  private readonly waiting = new Map<string, Set<() => void>>();

  constructor(private readonly limits: WebhookLimits) {}

  /**
   * Room for one more post; `give` it back.
   * @param ofWebhook posts that its webhook has under way already
   * @param freed called once, when there may be room again, after a refusal
   */
  take(tenantId: string, ofWebhook: number, freed: () => void): boolean {
    const taken = this.taken.get(tenantId) ?? 0;
    const waiting = this.waiting.get(tenantId);
    if (taken >= this.limits.postsPerTenant && ofWebhook >= this.limits.surePostsPerWebhook) {
      if (waiting) waiting.add(freed);
      else this.waiting.set(tenantId, new Set([freed]));
      return false;
    }
    waiting?.delete(freed);
    this.taken.set(tenantId, taken + 1);
    return true;
  }

  /** Whoever has waited longest is told first. */
  give(tenantId: string): void {
    const taken = (this.taken.get(tenantId) ?? 1) - 1;
    if (taken > 0) this.taken.set(tenantId, taken);
    else this.taken.delete(tenantId);
    const waiting = this.waiting.get(tenantId);
    const [next] = waiting ?? [];
    if (!waiting || !next) return;
    waiting.delete(next);
    if (waiting.size === 0) this.waiting.delete(tenantId);
    next();
  }
}
