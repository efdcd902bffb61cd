import { Global, Module } from '@nestjs/common';
import { EventLog } from './event-log.js';
import { EventRelay } from './event-relay.js';

/** The event log, for every feature. */
@Global()
@Module({ providers: [EventLog, EventRelay], exports: [EventLog, EventRelay] })
export class EventsModule {}
