import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CurrentKey, Scopes, type AuthContext } from '../auth/index.js';
import { ChatParams } from '../chats/index.js';
import { Operation, type Page } from '../http/index.js';
import { MessagePageDto, type MessageResource } from './message-resource.js';
import { ChatMessagesQuery, MESSAGE_EXAMPLE } from './messages.dto.js';
import { MessagesService } from './messages.service.js';

@ApiTags('Chats and contacts')
@Controller('chats')
export class ChatMessagesController {
  constructor(private readonly messages: MessagesService) {}

  @Get(':id/messages')
  @Scopes('messages:read')
  @Operation({
    summary: 'List the messages of a chat',
    description: 'In and out, newest first; a person has one chat, under the phone number and the LID alike.',
    idempotent: 'safe',
    answer: { status: 200, type: MessagePageDto, example: { data: [MESSAGE_EXAMPLE], nextCursor: null } },
    problems: [
      'invalid_cursor',
      'invalid_recipient',
      'not_found',
      'session_not_allowed',
      'session_required',
      'wrong_key_mode',
    ],
  })
  list(
    @CurrentKey() auth: AuthContext,
    @Param() { id }: ChatParams,
    @Query() query: ChatMessagesQuery,
  ): Promise<Page<MessageResource>> {
    return this.messages.listOfChat(auth, id, query);
  }
}
