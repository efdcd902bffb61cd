export { SecretBox, type SealedPlace } from './secret-box.js';
export { SecretsModule } from './secrets.module.js';
