import { Global, Module } from '@nestjs/common';
import { EventLog } from './event-log.js';
import { EventRelay } from './event-relay.js';
import { EventRetention } from './event-retention.js';

/** The event log, for every feature. */
@Global()
@Module({
  providers: [EventLog, EventRelay, EventRetention],
  exports: [EventLog, EventRelay, EventRetention],
})
export class EventsModule {}
