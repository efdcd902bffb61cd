export { NodeLostSweep } from './node-lost-sweep.js';
export { SessionEndings, type SessionEndCode, type SessionEndHandler } from './session-endings.js';
export { addressOf, isPlaced } from './session-lifecycle.js';
export { SessionLookup } from './session-lookup.js';
export { sessionReferenceSchema } from './session-reference.js';
export { QUEUE_CHANNEL } from './session-reports.js';
export { SessionRepository, noSuchSession } from './session-repository.js';
export { SessionsModule } from './sessions.module.js';
