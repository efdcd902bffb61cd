import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CurrentKey, Scopes, type AuthContext } from '../auth/index.js';
import { Operation } from '../http/index.js';
import { EVENT_PAGE_EXAMPLE, EventPageDto, EventQueryDto, type EventPage } from './event-feed.dto.js';
import { EventFeedService } from './event-feed.service.js';

const DESCRIPTION = `Everything that happened, oldest first, each event once. \`seq\` rises by one from event to event of the tenant, and an event is never put before one that was already given: ask again and again with \`after\` = \`lastSeq\` of the answer before, and nothing is missed.

A key sees the events of the sessions it may use, and a filter leaves some out, so the numbers of one answer may have gaps; \`data\` may be empty and \`nextCursor\` set. Unlike other lists this one begins with the oldest, and a page may have 500. With \`wait\` the answer comes as soon as there is something new. \`after\` beyond the newest event is refused (\`unknown_seq\`), which happens when the installation was put back to an older state: begin anew with \`after=0\`. Events are kept for 30 days unless the operator decides otherwise.`;

@ApiTags('Events')
@Controller('events')
export class EventFeedController {
  constructor(private readonly feed: EventFeedService) {}

  @Get()
  @Scopes('messages:read')
  @Operation({
    summary: 'List events',
    description: DESCRIPTION,
    idempotent: 'safe',
    answer: { status: 200, type: EventPageDto, example: EVENT_PAGE_EXAMPLE },
    problems: ['invalid_cursor', 'not_found', 'session_not_allowed', 'wrong_key_mode', 'unknown_seq'],
  })
  list(@CurrentKey() auth: AuthContext, @Query() query: EventQueryDto): Promise<EventPage> {
    return this.feed.list(auth, query);
  }
}
