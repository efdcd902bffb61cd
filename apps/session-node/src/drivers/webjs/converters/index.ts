export { factOf } from './changes.js';
export { foundOf } from './found.js';
export { sha256Of } from './media.js';
export { ackFact, chatOf, contentOf, isoOf, messageFact, personOf } from './messages.js';
