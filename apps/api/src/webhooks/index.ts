export { WebhooksModule } from './webhooks.module.js';
export { newWebhookSecret, signatureHeaders } from './webhook-signature.js';
