export { ApiKeyService, type ApiKeySpec } from './api-key.service.js';
export { createdApiKeySchema, type ApiKey, type CreatedApiKey } from './api-key.dto.js';
export { ApiKeysModule } from './api-keys.module.js';
