import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CurrentKey, Scopes, type AuthContext } from '../auth/index.js';
import { Operation, type Page } from '../http/index.js';
import { ChatDto, ChatPageDto, ChatParams, ChatQuery, ListChatsQuery, type ChatView } from './chats.dto.js';
import { ChatsService } from './chats.service.js';

const EXAMPLE: ChatView = {
  id: 'cht_01kb6x2vb8c7j0m4qf5t9wz3ye',
  sessionId: 'ses_01kb6x2vb8c7j0m4qf5t9wz3ye',
  waId: '4915112345678@c.us',
  kind: 'person',
  name: 'Alex Example',
  phone: '4915112345678',
  lid: '83746582910374@lid',
  lastMessageId: 'msg_01kb6x2vb8c7j0m4qf5t9wz3ye',
  lastMessageAt: '2026-01-01T09:40:02.000Z',
  gaps: [],
  createdAt: '2026-01-01T09:00:04.000Z',
  updatedAt: '2026-01-01T09:40:02.000Z',
};

@ApiTags('Chats and contacts')
@Controller('chats')
export class ChatsController {
  constructor(private readonly chats: ChatsService) {}

  @Get()
  @Scopes('messages:read')
  @Operation({
    summary: 'List the chats',
    description: 'Of the sessions that the key may use; those with the newest message first.',
    idempotent: 'safe',
    answer: { status: 200, type: ChatPageDto, example: { data: [EXAMPLE], nextCursor: null } },
    problems: ['invalid_cursor', 'not_found', 'wrong_key_mode', 'session_not_allowed'],
  })
  list(@CurrentKey() auth: AuthContext, @Query() query: ListChatsQuery): Promise<Page<ChatView>> {
    return this.chats.list(auth, query);
  }

  @Get(':id')
  @Scopes('messages:read')
  @Operation({
    summary: 'Show a chat',
    description:
      'By its id, or by the phone number or WhatsApp id of whom it is with; then `session` is needed where several sessions have the chat.',
    idempotent: 'safe',
    answer: { status: 200, type: ChatDto, example: EXAMPLE },
    problems: ['not_found', 'wrong_key_mode', 'session_not_allowed', 'session_required'],
  })
  get(
    @CurrentKey() auth: AuthContext,
    @Param() { id }: ChatParams,
    @Query() { session }: ChatQuery,
  ): Promise<ChatView> {
    return this.chats.get(auth, id, session);
  }
}
