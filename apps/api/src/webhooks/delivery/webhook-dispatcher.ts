import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { Logger } from 'pino';
import { Database } from '#database';
import { Clock, withDeadline } from '#kernel';
import { API_CONFIG, type ApiConfig } from '../../config.js';
import { EVENTS_CHANNEL } from '../../events/index.js';
import { LOGGER } from '../../http/index.js';
import { WEBHOOKS_CHANNEL, type StoredWebhook } from '../webhook.js';
import { WebhookSender } from '../webhook-sender.js';
import { DeliveryRepository } from './delivery-repository.js';
import { DeliverySlots } from './delivery-slots.js';
import type { LaneParts } from './lane-parts.js';
import { ProgressWriter } from './progress-writer.js';
import { SharedEvents } from './shared-events.js';
import { WebhookLane } from './webhook-lane.js';
import { WebhookLimits } from './webhook-limits.js';

/** What no notification told of is found by looking: attempts that are due, leases that ran out. */
const LOOK_EVERY_MS = 1_000;
/** What a lane has at least when others wait for room. */
const TURN_MS = 10_000;
/** After a failure of the database. */
const REST_MS = 1_000;

/** Runs a lane for every webhook that this process has taken. Leases in the database keep processes apart. */
@Injectable()
export class WebhookDispatcher implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly lanes = new Map<string, { lane: WebhookLane; ended: Promise<void> }>();
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;
  private readonly wanted = new Set<string | null>();
  private stopListening: (() => Promise<void>)[] = [];
  private stopped = false;

  constructor(
    private readonly database: Database,
    private readonly deliveries: DeliveryRepository,
    private readonly events: SharedEvents,
    private readonly progress: ProgressWriter,
    private readonly slots: DeliverySlots,
    private readonly limits: WebhookLimits,
    private readonly sender: WebhookSender,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(API_CONFIG) private readonly config: Pick<ApiConfig, 'SHUTDOWN_TIMEOUT_SECONDS'>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.stopListening = [
      await this.database.listen(EVENTS_CHANNEL, (tenantId) => this.wake(tenantId)),
      await this.database.listen(WEBHOOKS_CHANNEL, (webhookId) => this.forget(webhookId)),
    ];
    this.schedule(0);
  }

  /** Lets the attempts under way end; what is not written down is sent again by whoever takes over. */
  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    for (const stop of this.stopListening) await stop();
    await this.looking;
    for (const { lane } of this.lanes.values()) lane.stop();
    const ended = Promise.all([...this.lanes.values()].map((entry) => entry.ended));
    const timeoutMs = this.config.SHUTDOWN_TIMEOUT_SECONDS * 1_000;
    await withDeadline(ended, timeoutMs, 'ending the deliveries under way').catch((error: unknown) => {
      this.logger.warn({ err: error }, 'webhook deliveries were still under way at shutdown');
    });
  }

  /** There may be something to deliver, of one tenant or (null) of any. */
  look(tenantId: string | null): void {
    if (this.stopped) return;
    this.wanted.add(tenantId);
    this.looking ??= this.takeAll().finally(() => {
      this.looking = undefined;
      if (this.wanted.size > 0) this.look(null);
    });
  }

  private wake(tenantId: string | null): void {
    this.events.forget(tenantId);
    for (const { lane } of this.lanes.values())
      if (tenantId === null || lane.webhook.tenantId === tenantId) lane.wake();
    this.look(tenantId);
  }

  /** A webhook was changed, or (null) any may have been: it is taken anew, with its settings. */
  private forget(webhookId: string | null): void {
    for (const { lane } of this.lanes.values()) {
      if (webhookId === null) lane.stop();
      else if (lane.webhook.id === webhookId) lane.abandon();
    }
    this.look(null);
  }

  private schedule(waitMs: number): void {
    this.timer = setTimeout(() => {
      this.events.drop();
      this.look(null);
      if (!this.stopped) this.schedule(LOOK_EVERY_MS);
    }, waitMs);
  }

  private async takeAll(): Promise<void> {
    try {
      while (this.wanted.size > 0 && !this.stopped) {
        const tenantId = this.wanted.has(null) ? null : ([...this.wanted][0] ?? null);
        if (tenantId === null) this.wanted.clear();
        else this.wanted.delete(tenantId);
        const most = this.limits.lanes - this.lanes.size;
        if (most <= 0) {
          this.makeRoom();
          return;
        }
        const wish = { tenantId, most, held: this.held(), mostPerTenant: this.limits.lanesPerTenant };
        const beganAtMs = performance.now();
        for (const webhook of await this.deliveries.lease(wish)) this.open(webhook, beganAtMs);
      }
    } catch (error) {
      this.wanted.clear();
      this.logger.error({ err: error }, 'webhooks could not be looked at');
    }
  }

  private held(): Record<string, number> {
    const held: Record<string, number> = {};
    for (const { lane } of this.lanes.values())
      held[lane.webhook.tenantId] = (held[lane.webhook.tenantId] ?? 0) + 1;
    return held;
  }

  /** Lanes that had their turn end; what they leave is taken again after those that wait. */
  private makeRoom(): void {
    const before = performance.now() - TURN_MS;
    for (const { lane } of this.lanes.values()) if (lane.openedAtMs < before) lane.stop();
  }

  private open(webhook: StoredWebhook, leasedAtMs: number): void {
    const key = `${webhook.tenantId} ${webhook.id}`;
    // Another lane of ours that has not heard yet of a change: its lease is gone.
    this.lanes.get(key)?.lane.abandon();
    const { tenantId } = webhook;
    const lane = new WebhookLane(webhook, this.partsFor(tenantId), leasedAtMs);
    const ended = this.run(lane, webhook).finally(() => {
      if (this.lanes.get(key)?.lane === lane) this.lanes.delete(key);
      if (lane.wasWokenLate) this.look(null);
    });
    this.lanes.set(key, { lane, ended });
  }

  private partsFor(tenantId: string): LaneParts {
    return {
      send: (target, { event }) => this.sender.send(target, event.id, this.events.bodyOf(event)),
      listNew: (target, after, limit) => this.events.listNew(target, after, limit),
      listDue: (target, known, limit) => this.events.listDue(target, known, limit),
      record: (target, progress) => this.progress.write({ webhook: target, progress }),
      sizeOf: (event) => this.events.bodyOf(event).length,
      takeSlot: (ofWebhook, freed) => this.slots.take(tenantId, ofWebhook, freed),
      giveSlot: (ofWebhook) => this.slots.give(tenantId, ofWebhook),
      mostInFlight: this.limits.postsPerWebhook,
      now: () => this.clock.now().getTime(),
    };
  }

  /** A lane that fails leaves its lease to run out; its webhook is taken again then, by whoever looks first. */
  private async run(lane: WebhookLane, { id, tenantId }: StoredWebhook): Promise<void> {
    try {
      await lane.run();
    } catch (error) {
      this.logger.error({ err: error, webhookId: id, tenantId }, 'deliveries to a webhook broke off');
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
    }
  }
}
