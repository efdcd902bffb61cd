export {
  EventDeliveryRepository,
  type DeliverySearch,
  type EventDelivery,
} from './event-delivery-repository.js';
export type { WebhookVisibility } from './webhook-repository.js';
export { WebhooksModule } from './webhooks.module.js';
export { newWebhookSecret, signatureHeaders } from './webhook-signature.js';
