import { Module } from '@nestjs/common';
import { SessionsModule } from '../sessions/index.js';
import { EventFeedController } from './event-feed.controller.js';
import { EventFeedService } from './event-feed.service.js';
import { EventRepository } from './event-repository.js';
import { EventSocket } from './stream/event-socket.js';
import { EventStreamController } from './stream/event-stream.controller.js';
import { OpenStreams } from './stream/open-streams.js';
import { EventStreamService } from './stream/event-stream.service.js';

/** What tenants read of the event log. */
@Module({
  imports: [SessionsModule],
  controllers: [EventFeedController, EventStreamController],
  providers: [EventFeedService, EventRepository, EventStreamService, EventSocket, OpenStreams],
  exports: [EventRepository],
})
export class EventFeedModule {}
