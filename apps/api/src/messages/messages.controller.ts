import { Body, Controller, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiTags } from '@nestjs/swagger';
import { CurrentKey, Scopes, type AuthContext } from '../auth/index.js';
import { API_PREFIX, hangUpOf, Operation, type ApiReply, type ApiRequest, type Page } from '../http/index.js';
import { Idempotency, IdempotentAnswer, type IdempotentRequest } from '../idempotency/index.js';
import { MessageDto, type MessageResource } from './message-resource.js';
import { MESSAGE_EXAMPLE, MessageListQuery, MessageParams, type DryRun } from './messages.dto.js';
import { MessagesService } from './messages.service.js';
import { SendMessageDto, SendQueryDto, SendTextDto } from './send-request.js';
import {
  DELIVERED_EXAMPLE,
  DOWNLOADING_EXAMPLE,
  MEDIA_FORM,
  MESSAGES_LISTED,
  SEND_ACCEPTED,
  SEND_DESCRIPTION,
  SEND_MEDIA_DESCRIPTION,
  SEND_PROBLEMS,
  SendAnswered,
} from './send-documentation.js';

type SendAnswer = IdempotentAnswer<MessageResource | DryRun>;
@ApiTags('Messages')
@Controller('messages')
export class MessagesController {
  constructor(private readonly messages: MessagesService) {}

  @Post()
  @SendAnswered()
  @Scopes('messages:send')
  @Operation({
    summary: 'Send a message',
    description: SEND_DESCRIPTION,
    idempotent: 'by_key',
    answer: SEND_ACCEPTED,
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
  @SendAnswered()
  @Scopes('messages:send')
  @Operation({
    summary: 'Send a text: short form',
    description:
      'As `POST /messages` with `type: text`: the recipient is `to` or `recipient`, the text is `message`. The answers, `wait` and `dryRun` are the same.',
    idempotent: 'by_key',
    answer: SEND_ACCEPTED,
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
  @SendAnswered()
  @Scopes('messages:send')
  @ApiConsumes('multipart/form-data', 'application/json')
  @ApiBody({ schema: MEDIA_FORM })
  @Operation({
    summary: 'Send a file: short form',
    description: SEND_MEDIA_DESCRIPTION,
    idempotent: 'by_key',
    answer: SEND_ACCEPTED,
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

  @Get()
  @Scopes('messages:read')
  @Operation(MESSAGES_LISTED)
  list(@CurrentKey() auth: AuthContext, @Query() query: MessageListQuery): Promise<Page<MessageResource>> {
    return this.messages.list(auth, query);
  }

  @Get('list')
  @Scopes('messages:read')
  @Operation({ ...MESSAGES_LISTED, description: 'The same as `GET /messages`, for existing clients.' })
  listByOldPath(
    @CurrentKey() auth: AuthContext,
    @Query() query: MessageListQuery,
  ): Promise<Page<MessageResource>> {
    return this.messages.list(auth, query);
  }

  @Get(':id')
  @Scopes('messages:read')
  @Operation({
    summary: 'Show a message',
    description:
      'The message as it is now: `status`, and `error` when it failed or expired. How it got there is in its timeline.',
    idempotent: 'safe',
    answer: { status: 200, type: MessageDto, example: DELIVERED_EXAMPLE },
    problems: ['not_found'],
  })
  get(@CurrentKey() auth: AuthContext, @Param() { id }: MessageParams): Promise<MessageResource> {
    return this.messages.get(auth, id);
  }

  @Post(':id/cancel')
  @Scopes('messages:send')
  @Operation({
    summary: 'Take a message out of the queue',
    description:
      'Only while it is `queued`. What has left, or may have, cannot be called back (`already_sent`); where there is nothing to take out, as the message failed, expired or came in, the answer is `invalid_state`.',
    idempotent: 'idempotent',
    answer: { status: 200, type: MessageDto, example: { ...MESSAGE_EXAMPLE, status: 'cancelled' } },
    problems: ['not_found', 'already_sent', 'invalid_state'],
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
      'the message, and told by `media.ready` or `media.failed`. The scope for reading is enough: the file ' +
      'is part of the message.',
    idempotent: 'idempotent',
    answer: { status: 202, type: MessageDto, example: DOWNLOADING_EXAMPLE },
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
