import { Injectable } from '@nestjs/common';
import type { EventEnvelope } from '#contracts';
import type { StoredWebhook } from '../webhook.js';
import { DeliveryRepository, type Delivery, type NewEvents } from './delivery-repository.js';

/** How long what was read may be given to others: longer, and it may differ from what is stored by then. */
const KEPT_MS = 2_000;
const MOST_KEPT = 100;
/** Of what was read once, events behind so many bytes are read again later: a hundred may have a hundred times as many. */
const MOST_BYTES = 1_000_000;

interface Slice {
  tenantId: string;
  atMs: number;
  news: Promise<NewEvents>;
}

/**
 * Events for lanes. What several webhooks of a tenant want at about the same time, which is the rule, is read once and
 * made into a body once.
 */
@Injectable()
export class SharedEvents {
  /** Oldest first. */
  private readonly slices = new Map<string, Slice>();
  private readonly bodies = new WeakMap<EventEnvelope, string>();

  constructor(private readonly deliveries: DeliveryRepository) {}

  /** Events behind `afterSeq` that the webhook wants, oldest first: `limit` at most, and fewer when they are large. */
  listNew(webhook: StoredWebhook, afterSeq: number, limit: number): Promise<NewEvents> {
    const { tenantId, mode, sessionIds, eventTypes } = webhook;
    const key = JSON.stringify([tenantId, mode, sessionIds, eventTypes, afterSeq]);
    const kept = this.slices.get(key);
    if (kept && performance.now() - kept.atMs < KEPT_MS) return kept.news;
    this.drop();
    // Reads end where others begin, so that webhooks which are not equally far meet.
    const read = this.deliveries.listNew(webhook, afterSeq, limit - (afterSeq % limit));
    const news = read.then((all) => this.cut(all));
    const slice = { tenantId, news, atMs: performance.now() };
    this.slices.delete(key);
    this.slices.set(key, slice);
    news.catch(() => this.slices.get(key) === slice && this.slices.delete(key));
    return news;
  }

  /** Deliveries that are due again, as `listNew`. */
  async listDue(webhook: StoredWebhook, known: readonly string[], limit: number): Promise<Delivery[]> {
    const due = await this.deliveries.listDue(webhook, known, limit);
    return due.slice(0, this.countWithin(due.map(({ event }) => event)));
  }

  /** There is something new of a tenant, or (null) may be of any: what was read up to now may lack it. */
  forget(tenantId: string | null): void {
    for (const [key, slice] of this.slices)
      if (tenantId === null || slice.tenantId === tenantId) this.slices.delete(key);
  }

  /** What is posted; the same string for every webhook. */
  bodyOf(event: EventEnvelope): string {
    const made = this.bodies.get(event);
    if (made !== undefined) return made;
    const body = JSON.stringify(event);
    this.bodies.set(event, body);
    return body;
  }

  private cut(news: NewEvents): NewEvents {
    const events = news.events.slice(0, this.countWithin(news.events));
    const last = events.at(-1);
    return last && events.length < news.events.length ? { events, lastSeq: last.seq, hasMore: true } : news;
  }

  /** How many of them, one at least, are not too large together. */
  private countWithin(events: readonly EventEnvelope[]): number {
    let bytes = 0;
    const over = events.findIndex((event) => (bytes += this.bodyOf(event).length) > MOST_BYTES);
    return over < 0 ? events.length : Math.max(1, over);
  }

  /** Lets go of what is too old, and of the oldest when there is too much. */
  drop(): void {
    for (const [key, { atMs }] of this.slices) {
      if (performance.now() - atMs < KEPT_MS && this.slices.size < MOST_KEPT) return;
      this.slices.delete(key);
    }
  }
}
