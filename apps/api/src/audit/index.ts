export { AuditLog, CLI_ACTOR, type Actor, type AuditEntry } from './audit-log.js';
export { AuditModule } from './audit.module.js';
export { CurrentActor } from './current-actor.js';
