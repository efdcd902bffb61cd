import { Body, Controller, Delete, Get, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CurrentActor, type Actor } from '../audit/index.js';
import { CurrentKey, Scopes, type AuthContext } from '../auth/index.js';
import { API_PREFIX, Operation, type ApiReply, type Page } from '../http/index.js';
import { Idempotency, type IdempotentAnswer, type IdempotentRequest } from '../idempotency/index.js';
import { SESSION_EXAMPLE, type SessionView } from './session-view.js';
import {
  ChangeSessionDto,
  CreateSessionDto,
  ListSessionsQuery,
  SessionDto,
  SessionPageDto,
  SessionParams,
} from './sessions.dto.js';
import { SessionsService } from './sessions.service.js';

const CREATED: SessionView = {
  ...SESSION_EXAMPLE,
  state: 'stopped',
  status: 'disconnected',
  reason: 'created',
  reasonText: 'The session was created and has not been started.',
  action: 'start',
  provenAt: null,
  me: null,
};

@ApiTags('Sessions')
@Controller('sessions')
export class SessionsController {
  constructor(private readonly sessions: SessionsService) {}

  @Post()
  @Scopes('sessions:manage')
  @Operation({
    summary: 'Create a session',
    description: 'It is stopped at first; start it, then scan its QR code with the phone.',
    idempotent: 'by_key',
    answer: { status: 201, type: SessionDto, example: CREATED, located: true },
    problems: [
      'wrong_key_mode',
      'session_not_allowed',
      'name_taken',
      'session_limit_reached',
      'idempotency_key_reused',
      'idempotency_in_progress',
    ],
  })
  async create(
    @CurrentKey() auth: AuthContext,
    @CurrentActor() by: Actor,
    @Body() request: CreateSessionDto,
    @Idempotency() idempotent: IdempotentRequest | undefined,
    @Res({ passthrough: true }) reply: ApiReply,
  ): Promise<IdempotentAnswer<SessionView>> {
    const answer = await this.sessions.create(auth, by, request, idempotent);
    void reply.header('Location', `${API_PREFIX}/sessions/${answer.body.id}`);
    return answer;
  }

  @Get()
  @Scopes('sessions:manage')
  @Operation({
    summary: 'List the sessions',
    description: 'Those that the key may use, newest first.',
    idempotent: 'safe',
    answer: { status: 200, type: SessionPageDto, example: { data: [SESSION_EXAMPLE], nextCursor: null } },
    problems: ['invalid_cursor'],
  })
  list(@CurrentKey() auth: AuthContext, @Query() query: ListSessionsQuery): Promise<Page<SessionView>> {
    return this.sessions.list(auth, query);
  }

  @Get(':session')
  @Scopes('sessions:manage')
  @Operation({
    summary: 'Show a session',
    description:
      'By id or name. `state` says what it is doing, `reason` and `reasonText` why, `action` what you can do about it.',
    idempotent: 'safe',
    answer: { status: 200, type: SessionDto, example: SESSION_EXAMPLE },
    problems: ['not_found', 'wrong_key_mode', 'session_not_allowed'],
  })
  get(@CurrentKey() auth: AuthContext, @Param() { session }: SessionParams): Promise<SessionView> {
    return this.sessions.get(auth, session);
  }

  @Patch(':session')
  @Scopes('sessions:manage')
  @Operation({
    summary: 'Change the settings of a session',
    description: 'Name, daily cap, pacing, typing and strict order; only the fields that are sent change.',
    idempotent: 'idempotent',
    answer: { status: 200, type: SessionDto, example: SESSION_EXAMPLE },
    problems: ['not_found', 'wrong_key_mode', 'session_not_allowed', 'name_taken'],
  })
  change(
    @CurrentKey() auth: AuthContext,
    @Param() { session }: SessionParams,
    @Body() change: ChangeSessionDto,
  ): Promise<SessionView> {
    return this.sessions.change(auth, session, change);
  }

  @Delete(':session')
  @Scopes('sessions:manage')
  @Operation({
    summary: 'Delete a session',
    description:
      'Its login is forgotten and its name is free at once; messages that wait to be sent end as failed. The phone goes on listing the login until it notices; log the session out first to have it removed there too.',
    idempotent: 'idempotent',
    answer: { status: 204, description: 'The session is gone' },
    problems: ['not_found', 'wrong_key_mode', 'session_not_allowed'],
  })
  async delete(
    @CurrentKey() auth: AuthContext,
    @CurrentActor() by: Actor,
    @Param() { session }: SessionParams,
  ): Promise<void> {
    await this.sessions.delete(auth, by, session);
  }
}
