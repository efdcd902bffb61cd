import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CurrentKey, Scopes, type AuthContext } from '../auth/index.js';
import { Operation, type Page } from '../http/index.js';
import {
  CheckContactsDto,
  CheckedContactsDto,
  ContactDto,
  ContactPageDto,
  ContactParams,
  ContactQuery,
  ListContactsQuery,
  type CheckedView,
  type ContactView,
} from './contacts.dto.js';
import { ContactsService } from './contacts.service.js';

const EXAMPLE: ContactView = {
  id: 'con_01kb6x2vb8c7j0m4qf5t9wz3ye',
  sessionId: 'ses_01kb6x2vb8c7j0m4qf5t9wz3ye',
  waId: '4915112345678@c.us',
  phone: '4915112345678',
  lid: '83746582910374@lid',
  name: 'Alex Example',
  createdAt: '2026-01-01T09:00:04.000Z',
  updatedAt: '2026-01-01T09:40:02.000Z',
};
const CHECKED: CheckedView = {
  results: [
    { phone: '4915112345678', exists: true, waId: '4915112345678@c.us', lid: '83746582910374@lid' },
    { phone: '4915187654321', exists: false, waId: null, lid: null },
  ],
};

@ApiTags('Chats and contacts')
@Controller('contacts')
export class ContactsController {
  constructor(private readonly contacts: ContactsService) {}

  @Get()
  @Scopes('messages:read')
  @Operation({
    summary: 'List the contacts',
    description: 'Of the sessions that the key may use; newest first.',
    idempotent: 'safe',
    answer: { status: 200, type: ContactPageDto, example: { data: [EXAMPLE], nextCursor: null } },
    problems: ['invalid_cursor', 'not_found', 'wrong_key_mode', 'session_not_allowed'],
  })
  list(@CurrentKey() auth: AuthContext, @Query() query: ListContactsQuery): Promise<Page<ContactView>> {
    return this.contacts.list(auth, query);
  }

  @Get(':id')
  @Scopes('messages:read')
  @Operation({
    summary: 'Show a contact',
    description:
      'By its id, or by phone number or WhatsApp id; then `session` is needed where several sessions know the person.',
    idempotent: 'safe',
    answer: { status: 200, type: ContactDto, example: EXAMPLE },
    problems: ['not_found', 'wrong_key_mode', 'session_not_allowed', 'session_required'],
  })
  get(
    @CurrentKey() auth: AuthContext,
    @Param() { id }: ContactParams,
    @Query() { session }: ContactQuery,
  ): Promise<ContactView> {
    return this.contacts.get(auth, id, session);
  }

  @Post('check')
  @Scopes('messages:send')
  @Operation({
    summary: 'Check whether numbers are on WhatsApp',
    description:
      'Asks WhatsApp through a connected session, anew with every call; each number uses up one of 20 a minute and session.',
    idempotent: 'not_idempotent',
    answer: { status: 200, type: CheckedContactsDto, example: CHECKED },
    problems: [
      'not_found',
      'wrong_key_mode',
      'session_not_allowed',
      'session_required',
      'session_not_connected',
      'rate_limited',
      'node_unavailable',
    ],
  })
  check(@CurrentKey() auth: AuthContext, @Body() request: CheckContactsDto): Promise<CheckedView> {
    return this.contacts.check(auth, request);
  }
}
