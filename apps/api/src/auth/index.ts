export { assertSessionAllowed, hasScope, type AuthContext } from './auth-context.js';
export { generateApiKey, parseApiKey } from './api-key-format.js';
export { isAddressRange } from './allowed-address.js';
export { AuthModule } from './auth.module.js';
export { CurrentKey, CurrentTenant, Public, Scopes } from './decorators.js';
export { KeyHasher } from './key-hasher.js';
export { RequestGate } from './request-gate.js';
