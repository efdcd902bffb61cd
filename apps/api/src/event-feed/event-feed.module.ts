import { Module } from '@nestjs/common';
import { SessionsModule } from '../sessions/index.js';
import { EventFeedController } from './event-feed.controller.js';
import { EventFeedService } from './event-feed.service.js';
import { EventRepository } from './event-repository.js';

/** What tenants read of the event log. */
@Module({
  imports: [SessionsModule],
  controllers: [EventFeedController],
  providers: [EventFeedService, EventRepository],
  exports: [EventRepository],
})
export class EventFeedModule {}
