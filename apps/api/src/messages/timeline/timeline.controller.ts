import { Controller, Get, Param } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CurrentKey, Scopes, type AuthContext } from '../../auth/index.js';
import { Operation } from '../../http/index.js';
import { MessageParams } from '../messages.dto.js';
import { MessageTimelineDto, TIMELINE_EXAMPLE, type MessageTimeline } from './timeline.dto.js';
import { TimelineService } from './timeline.service.js';

@ApiTags('Messages')
@Controller('messages')
export class TimelineController {
  constructor(private readonly timelines: TimelineService) {}

  @Get(':id/timeline')
  @Scopes('messages:read')
  @Operation({
    summary: 'Tell the way of a message',
    description:
      'Its acceptance, its wait, every attempt with its outcome, the acknowledgements of WhatsApp, its file, the ' +
      'events that told of it, and what became of these at your webhooks (to a key with the scope `webhooks:manage`; ' +
      'to others `webhooks` is null, and the diagnosis is silent about them). `diagnosis` says in plain words how it stands and what can be done. Holds neither phone ' +
      'numbers nor what the message says.',
    idempotent: 'safe',
    answer: { status: 200, type: MessageTimelineDto, example: TIMELINE_EXAMPLE },
    problems: ['not_found'],
  })
  get(@CurrentKey() auth: AuthContext, @Param() { id }: MessageParams): Promise<MessageTimeline> {
    return this.timelines.get(auth, id);
  }
}
