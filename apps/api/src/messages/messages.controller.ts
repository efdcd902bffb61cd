import { Body, Controller, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { CurrentKey, Scopes, type AuthContext } from '../auth/index.js';
import { API_PREFIX, hangUpOf, Operation, type ApiReply, type ApiRequest, type Page } from '../http/index.js';
import { Idempotency, IdempotentAnswer, type IdempotentRequest } from '../idempotency/index.js';
import { MessageDto, MessagePageDto, type MessageResource } from './message-resource.js';
import { MESSAGE_EXAMPLE, MessageListQuery, MessageParams, type DryRun } from './messages.dto.js';
import { MessagesService } from './messages.service.js';
import { SendMessageDto, SendQueryDto, SendTextDto } from './send-request.js';
import { MEDIA_FORM, SEND_DESCRIPTION, SEND_MEDIA_DESCRIPTION, SEND_PROBLEMS } from './send-documentation.js';

type SendAnswer = IdempotentAnswer<MessageResource | DryRun>;
const ACCEPTED = { status: 202, type: MessageDto, example: MESSAGE_EXAMPLE, description: 'Accepted durably' };
const REACHED = {
  type: MessageDto.Output,
  example: { ...MESSAGE_EXAMPLE, status: 'delivered' },
  description:
    'With `wait`: it came that far, or ended. With `dryRun`: what would happen; nothing was accepted',
};

@ApiTags('Messages')
@Controller('messages')
export class MessagesController {
  constructor(private readonly messages: MessagesService) {}

  @Post()
  @ApiOkResponse(REACHED)
  @Scopes('messages:send')
  @Operation({
    summary: 'Send a message',
    description: SEND_DESCRIPTION,
    idempotent: 'by_key',
    answer: ACCEPTED,
    problems: SEND_PROBLEMS,
  })
  async send(
    @CurrentKey() auth: AuthContext,
    @Body() body: SendMessageDto,
    @Query() query: SendQueryDto,
    @Idempotency() idempotency: IdempotentRequest | undefined,
    @Res({ passthrough: true }) reply: ApiReply,
  ): Promise<SendAnswer> {
    return located(
      await this.messages.send(auth, body, { ...query, hungUp: hangUpOf(reply) }, idempotency),
      reply,
    );
  }

  @Post('send-text')
  @ApiOkResponse(REACHED)
  @Scopes('messages:send')
  @Operation({
    summary: 'Send a text: short form',
    idempotent: 'by_key',
    answer: ACCEPTED,
    problems: SEND_PROBLEMS,
  })
  async sendText(
    @CurrentKey() auth: AuthContext,
    @Body() body: SendTextDto,
    @Query() query: SendQueryDto,
    @Idempotency() idempotency: IdempotentRequest | undefined,
    @Res({ passthrough: true }) reply: ApiReply,
  ): Promise<SendAnswer> {
    return located(
      await this.messages.sendText(auth, body, { ...query, hungUp: hangUpOf(reply) }, idempotency),
      reply,
    );
  }

  @Post('send-media')
  @ApiOkResponse(REACHED)
  @Scopes('messages:send')
  @ApiConsumes('multipart/form-data', 'application/json')
  @ApiBody({ schema: MEDIA_FORM })
  @Operation({
    summary: 'Send a file: short form',
    description: SEND_MEDIA_DESCRIPTION,
    idempotent: 'by_key',
    answer: ACCEPTED,
    problems: [...SEND_PROBLEMS, 'invalid_multipart'],
  })
  async sendMedia(
    @CurrentKey() auth: AuthContext,
    @Req() request: ApiRequest,
    @Query() query: SendQueryDto,
    @Res({ passthrough: true }) reply: ApiReply,
  ): Promise<SendAnswer> {
    return located(
      await this.messages.sendMedia(auth, request, { ...query, hungUp: hangUpOf(reply) }),
      reply,
    );
  }

  @Get(['', 'list'])
  @Scopes('messages:read')
  @Operation({
    summary: 'List messages',
    description:
      'In and out, of the sessions that the key may use; newest first: with `from` or `to` by `occurredAt`, else in the ' +
      'order in which they were accepted or came in.',
    idempotent: 'safe',
    answer: { status: 200, type: MessagePageDto, example: { data: [MESSAGE_EXAMPLE], nextCursor: null } },
    problems: ['invalid_cursor', 'invalid_recipient', 'not_found', 'session_not_allowed', 'wrong_key_mode'],
  })
  list(@CurrentKey() auth: AuthContext, @Query() query: MessageListQuery): Promise<Page<MessageResource>> {
    return this.messages.list(auth, query);
  }

  @Get(':id')
  @Scopes('messages:read')
  @Operation({
    summary: 'Show a message',
    idempotent: 'safe',
    answer: { status: 200, type: MessageDto, example: MESSAGE_EXAMPLE },
    problems: ['not_found'],
  })
  get(@CurrentKey() auth: AuthContext, @Param() { id }: MessageParams): Promise<MessageResource> {
    return this.messages.get(auth, id);
  }

  @Post(':id/cancel')
  @Scopes('messages:send')
  @Operation({
    summary: 'Take a message out of the queue',
    description: 'Only while it is `queued`: what is on its way cannot be called back.',
    idempotent: 'idempotent',
    answer: { status: 200, type: MessageDto, example: { ...MESSAGE_EXAMPLE, status: 'cancelled' } },
    problems: ['not_found', 'already_sent'],
  })
  cancel(@CurrentKey() auth: AuthContext, @Param() { id }: MessageParams): Promise<MessageResource> {
    return this.messages.cancel(auth, id);
  }

  @Post(':id/media/download')
  @Scopes('messages:read')
  @Operation({
    summary: 'Download the file of a message from WhatsApp again',
    description:
      'For a file that is `failed` or `expired`; one that is stored, or on its way, stays as it is. How it ends is in ' +
      'the message, and told by `media.ready` or `media.failed`.',
    idempotent: 'idempotent',
    answer: { status: 202, type: MessageDto, example: MESSAGE_EXAMPLE },
    problems: ['not_found', 'session_not_connected', 'media_gone', 'media_not_downloadable'],
  })
  downloadAgain(@CurrentKey() auth: AuthContext, @Param() { id }: MessageParams): Promise<MessageResource> {
    return this.messages.downloadAgain(auth, id);
  }
}

function located(answer: SendAnswer, reply: ApiReply): SendAnswer {
  if ('id' in answer.body) void reply.header('Location', `${API_PREFIX}/messages/${answer.body.id}`);
  return answer;
}
