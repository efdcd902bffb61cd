import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CurrentActor, type Actor } from '../audit/index.js';
import { CurrentKey, Scopes, type AuthContext } from '../auth/index.js';
import { Operation, type Page } from '../http/index.js';
import { Idempotency, type IdempotentAnswer, type IdempotentRequest } from '../idempotency/index.js';
import { DeliveryLogService } from './delivery-log.service.js';
import {
  DeliveryDetailDto,
  DeliveryDto,
  DeliveryPageDto,
  DeliveryParams,
  DeliveryQueryDto,
  ReplayDto,
  WebhookParams,
  WebhookReplayDto,
  type DeliveryDetail,
  type DeliveryView,
  type WebhookReplay,
} from './webhooks.dto.js';

const DELIVERY: DeliveryView = {
  id: 'dlv_01k2m3n4p5q6r7s8t9v0w1x2y3',
  webhookId: 'whk_01k2m3n4p5q6r7s8t9v0w1x2y3',
  eventId: 'evt_01k2m3n4p5q6r7s8t9v0w1x2y3',
  seq: 42,
  eventType: 'message.received',
  cause: 'event',
  state: 'delivered',
  attempts: [
    {
      at: '2026-01-01T12:00:00.000Z',
      status: 200,
      error: null,
      durationMs: 48,
      responseType: 'text/plain',
      responseHead: 'ok',
    },
  ],
  nextAttemptAt: null,
  createdAt: '2026-01-01T12:00:00.000Z',
  endedAt: '2026-01-01T12:00:00.000Z',
};
const DETAIL: DeliveryDetail = { ...DELIVERY, request: { url: 'https://example.com/whatsapp', body: null } };
const REPEATED: DeliveryView = {
  ...DELIVERY,
  cause: 'redelivery',
  state: 'pending',
  attempts: [],
  nextAttemptAt: '2026-01-01T12:00:00.000Z',
  endedAt: null,
};

@ApiTags('Webhooks')
@Controller()
export class DeliveriesController {
  constructor(private readonly deliveries: DeliveryLogService) {}

  @Get('webhooks/:id/deliveries')
  @Scopes('webhooks:manage')
  @Operation({
    summary: 'List the deliveries to a webhook',
    description:
      'Newest first, with every attempt: status, time it took, beginning of the answer. A delivery appears when its first attempt has ended.',
    idempotent: 'safe',
    answer: { status: 200, type: DeliveryPageDto, example: { data: [DELIVERY], nextCursor: null } },
    problems: ['not_found', 'invalid_cursor'],
  })
  list(
    @CurrentKey() auth: AuthContext,
    @Param() { id }: WebhookParams,
    @Query() query: DeliveryQueryDto,
  ): Promise<Page<DeliveryView>> {
    return this.deliveries.list(auth, id, query);
  }

  @Post('webhooks/:id/replay')
  @Scopes('webhooks:manage')
  @Operation({
    summary: 'Deliver the events of a time again',
    description:
      'Puts every event of the time that the webhook wants into its queue, under the same event ids. For events that are still kept.',
    idempotent: 'by_key',
    answer: { status: 202, type: WebhookReplayDto, example: { deliveries: 128 } },
    problems: ['not_found', 'invalid_state'],
  })
  replay(
    @CurrentKey() auth: AuthContext,
    @CurrentActor() by: Actor,
    @Param() { id }: WebhookParams,
    @Body() body: ReplayDto,
    @Idempotency() request: IdempotentRequest | undefined,
  ): Promise<IdempotentAnswer<WebhookReplay>> {
    return this.deliveries.replay(auth, by, id, body, request);
  }

  @Get('deliveries/:id')
  @Scopes('webhooks:manage')
  @Operation({
    summary: 'Show a delivery',
    description: 'With what was posted, and every attempt.',
    idempotent: 'safe',
    answer: { status: 200, type: DeliveryDetailDto, example: DETAIL },
    problems: ['not_found'],
  })
  get(@CurrentKey() auth: AuthContext, @Param() { id }: DeliveryParams): Promise<DeliveryDetail> {
    return this.deliveries.get(auth, id);
  }

  @Post('deliveries/:id/redeliver')
  @Scopes('webhooks:manage')
  @Operation({
    summary: 'Deliver an event again',
    description: 'As a new delivery of the same event, under the same event id.',
    idempotent: 'by_key',
    answer: { status: 202, type: DeliveryDto, example: REPEATED },
    problems: ['not_found', 'invalid_state'],
  })
  redeliver(
    @CurrentKey() auth: AuthContext,
    @CurrentActor() by: Actor,
    @Param() { id }: DeliveryParams,
    @Idempotency() request: IdempotentRequest | undefined,
  ): Promise<IdempotentAnswer<DeliveryView>> {
    return this.deliveries.redeliver(auth, by, id, request);
  }
}
