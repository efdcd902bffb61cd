export { EventIntake } from './event-intake.js';
export { Quarantine, type QuarantineCounts } from './event-intake-quarantine.js';
export { isUnreachable, NodeClient, type NodeAddress, type NodeCallOptions } from './node-client.js';
export { NodeFactHandlers, type FactHandler, type FactKind, type FactOf } from './node-fact-handlers.js';
export { NODE_FRESH_MS, NODE_LOST_MS, NodeRegistry, type RegisteredNode } from './node-registry.js';
export { NodesModule } from './nodes.module.js';
export { PlacedSessions, type SessionKey } from './placed-sessions.js';
export { SESSION_COLUMNS, type StoredSession } from './session-columns.js';
export { stateChanged, TOLD_COLUMNS, type ToldState } from './session-events.js';
