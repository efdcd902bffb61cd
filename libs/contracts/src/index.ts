export * from './error-codes.js';
export * from './events.js';
export * from './ids.js';
export * from './message.js';
export * from './node-protocol.js';
export * from './session.js';
export * from './signature.js';
export * from './whatsapp-id.js';
