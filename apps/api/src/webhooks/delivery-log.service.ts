import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Database } from '#database';
import { AppError, Clock } from '#kernel';
import { AuditLog, type Actor } from '../audit/index.js';
import type { AuthContext } from '../auth/index.js';
import { toEnvelope } from '../event-feed/index.js';
import { readPage, toPage, type Page } from '../http/index.js';
import { IdempotencyService, type IdempotentAnswer, type IdempotentRequest } from '../idempotency/index.js';
import { DeliveryLogRepository, type StoredDelivery } from './delivery-log-repository.js';
import { WebhookDispatcher } from './delivery/webhook-dispatcher.js';
import { WebhookService } from './webhook.service.js';
import type {
  DeliveryDetail,
  DeliveryQuery,
  DeliveryView,
  ReplayWebhook,
  WebhookReplay,
} from './webhooks.dto.js';

const ID = /^dlv_[0-9a-z]{26}$/;
/** Events that one replay takes at most. */
const MOST_REPLAYED = 100_000;

/** What was delivered to a webhook and how, and delivering it again. */
@Injectable()
export class DeliveryLogService {
  constructor(
    private readonly database: Database,
    private readonly deliveries: DeliveryLogRepository,
    private readonly webhooks: WebhookService,
    private readonly dispatcher: WebhookDispatcher,
    private readonly idempotency: IdempotencyService,
    private readonly audit: AuditLog,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  async list(auth: AuthContext, webhookId: string, query: DeliveryQuery): Promise<Page<DeliveryView>> {
    const list = `deliveries of ${webhookId}`;
    const page = readPage(list, query, [ID]);
    const rows = await this.database.tenant(auth.tenantId, async (tx) => {
      const webhook = await this.webhooks.find(tx, auth, webhookId);
      return this.deliveries.list(tx, webhook, query.state ?? null, page);
    });
    return toPage(list, query, rows, (row) => [row.id], viewDelivery);
  }

  async get(auth: AuthContext, id: string): Promise<DeliveryDetail> {
    return this.database.tenant(auth.tenantId, async (tx) => {
      const delivery = await this.find(tx, auth, id);
      const event = await this.deliveries.findEvent(tx, auth.tenantId, delivery.eventId);
      const request = { url: delivery.url, body: event ? toEnvelope(event) : null };
      return { ...viewDelivery(delivery), request };
    });
  }

  /** @throws AppError `not_found`; `invalid_state` when the event is no longer kept */
  async redeliver(
    auth: AuthContext,
    by: Actor,
    id: string,
    request: IdempotentRequest | undefined,
  ): Promise<IdempotentAnswer<DeliveryView>> {
    const { tenantId } = auth;
    const answer = await this.database.tenant(tenantId, (tx) =>
      this.idempotency.run(tx, tenantId, request, async () => {
        const delivery = await this.find(tx, auth, id);
        if (!(await this.deliveries.findEvent(tx, tenantId, delivery.eventId)))
          throw new AppError('invalid_state', 'the event of this delivery is no longer kept');
        const again = await this.deliveries.redeliver(tx, tenantId, delivery);
        await this.audit.record(tx, by, { tenantId, action: 'delivery.repeated', targetId: id });
        return { status: 202, body: viewDelivery(await this.find(tx, auth, again)), resourceId: again };
      }),
    );
    this.dispatcher.look(tenantId);
    return answer;
  }

  /** @throws AppError `not_found`; `invalid_request` when the range holds too much; `invalid_state` when much waits */
  async replay(
    auth: AuthContext,
    by: Actor,
    webhookId: string,
    { since, until, events }: ReplayWebhook,
    request: IdempotentRequest | undefined,
  ): Promise<IdempotentAnswer<WebhookReplay>> {
    const { tenantId } = auth;
    const end = until === undefined ? this.clock.now() : new Date(until);
    const range = { since: new Date(since), until: end, types: events ?? null };
    const answer = await this.database.tenant(tenantId, (tx) =>
      this.idempotency.run(tx, tenantId, request, async () => {
        const webhook = await this.webhooks.find(tx, auth, webhookId);
        if ((await this.deliveries.countPending(tx, webhook, MOST_REPLAYED)) >= MOST_REPLAYED) {
          const message = `${String(MOST_REPLAYED)} deliveries of this webhook wait already`;
          throw new AppError('invalid_state', message);
        }
        const deliveries = await this.deliveries.countRange(tx, webhook, range, MOST_REPLAYED);
        if (deliveries > MOST_REPLAYED) throw tooMany();
        await this.deliveries.replay(tx, webhook, range);
        const entry = { tenantId, action: 'webhook.replayed', targetId: webhookId, detail: { deliveries } };
        await this.audit.record(tx, by, entry);
        return { status: 202, body: { deliveries } };
      }),
    );
    this.dispatcher.look(tenantId);
    return answer;
  }

  private async find(
    tx: EntityManager,
    auth: AuthContext,
    id: string,
  ): Promise<StoredDelivery & { url: string }> {
    const delivery = await this.deliveries.find(tx, auth, id);
    if (!delivery) throw new AppError('not_found', 'there is no such delivery');
    return delivery;
  }
}

function viewDelivery(delivery: StoredDelivery): DeliveryView {
  const { id, webhookId, eventId, seq, eventType, cause, state, nextAt, createdAt, endedAt } = delivery;
  return {
    id,
    webhookId,
    eventId,
    seq,
    eventType,
    cause,
    state,
    attempts: delivery.attempts as DeliveryView['attempts'],
    nextAttemptAt: nextAt?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
    endedAt: endedAt?.toISOString() ?? null,
  };
}

function tooMany(): AppError {
  const message = `a replay takes at most ${String(MOST_REPLAYED)} events; ask for a shorter time or fewer types`;
  return new AppError('invalid_request', message, { details: [{ path: 'since', message }] });
}
