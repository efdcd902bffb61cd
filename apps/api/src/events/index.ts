export { EventLog, type NewEvent } from './event-log.js';
export { EVENTS_CHANNEL, EventRelay, type Numbered } from './event-relay.js';
export { EventRetention } from './event-retention.js';
export { EventsModule } from './events.module.js';
