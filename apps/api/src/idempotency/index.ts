export { Idempotency, idempotentRequestOf, type IdempotentRequest } from './idempotency-key.js';
export { IdempotencyModule } from './idempotency.module.js';
export { IdempotencyService, type WorkResult } from './idempotency.service.js';
export { IdempotentAnswer } from './idempotent-answer.js';
