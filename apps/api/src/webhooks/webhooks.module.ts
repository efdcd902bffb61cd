import { Module } from '@nestjs/common';
import { EventFeedModule } from '../event-feed/index.js';
import { SecretsModule } from '../secrets/index.js';
import { SessionsModule } from '../sessions/index.js';
import { DeliveriesController } from './deliveries.controller.js';
import { DeliveryRepository } from './delivery/delivery-repository.js';
import { DeliveryRetention } from './delivery/delivery-retention.js';
import { DeliverySlots } from './delivery/delivery-slots.js';
import { ProgressRepository } from './delivery/progress-repository.js';
import { ProgressWriter } from './delivery/progress-writer.js';
import { SharedEvents } from './delivery/shared-events.js';
import { WebhookDispatcher } from './delivery/webhook-dispatcher.js';
import { WebhookLimits } from './delivery/webhook-limits.js';
import { DeliveryLogRepository } from './delivery-log-repository.js';
import { DeliveryLogService } from './delivery-log.service.js';
import { EventDeliveryRepository } from './event-delivery-repository.js';
import { WebhookRepository } from './webhook-repository.js';
import { WebhookSender } from './webhook-sender.js';
import { WebhookService } from './webhook.service.js';
import { WebhooksController } from './webhooks.controller.js';

/** Posts events to the URLs of tenants. */
@Module({
  imports: [EventFeedModule, SecretsModule, SessionsModule],
  controllers: [WebhooksController, DeliveriesController],
  providers: [
    WebhookService,
    WebhookRepository,
    WebhookSender,
    DeliveryLogService,
    DeliveryLogRepository,
    DeliveryRepository,
    DeliveryRetention,
    DeliverySlots,
    EventDeliveryRepository,
    ProgressRepository,
    ProgressWriter,
    SharedEvents,
    WebhookDispatcher,
    WebhookLimits,
  ],
  exports: [EventDeliveryRepository],
})
export class WebhooksModule {}
