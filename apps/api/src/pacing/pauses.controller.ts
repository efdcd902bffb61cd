import { Body, Controller, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';
import { CurrentActor, type Actor } from '../audit/index.js';
import { CurrentKey, Scopes, type AuthContext } from '../auth/index.js';
import { Operation } from '../http/index.js';
import { SESSION_EXAMPLE, SessionDto, SessionParams, viewOf, type SessionView } from '../sessions/index.js';
import { SessionPauses } from './session-pauses.js';

export class PauseSessionDto extends createZodDto(
  z
    .strictObject({
      until: z.iso
        .datetime({ offset: true })
        .transform((text) => new Date(text))
        .optional()
        .describe('When the pause ends by itself; left out, it lasts until the session is resumed'),
    })
    .prefault({})
    .meta({ id: 'PauseSession', example: { until: '2026-01-01T12:00:00.000Z' } }),
) {}

const PAUSED: SessionView = {
  ...SESSION_EXAMPLE,
  paused: { since: '2026-01-01T10:00:00.000Z', reason: 'requested', until: '2026-01-01T12:00:00.000Z' },
};

@ApiTags('Sessions')
@Controller('sessions/:session')
export class PausesController {
  constructor(private readonly pauses: SessionPauses) {}

  @Post('pause')
  @Scopes('sessions:manage')
  @Operation({
    summary: 'Pause the queue of a session',
    description:
      'The session stays connected and receives; messages for it are accepted and stay `queued`. What is being handed over at this moment still leaves. Of a session that is paused only `until` changes. A session is also paused by itself when WhatsApp blocks the number, acknowledges nothing any more, or knows none of the recipients.',
    idempotent: 'idempotent',
    answer: { status: 200, type: SessionDto, example: PAUSED },
    problems: ['invalid_request', 'not_found', 'wrong_key_mode', 'session_not_allowed'],
  })
  async pause(
    @CurrentKey() auth: AuthContext,
    @CurrentActor() by: Actor,
    @Param() { session }: SessionParams,
    @Body() { until }: PauseSessionDto,
  ): Promise<SessionView> {
    return viewOf(await this.pauses.pause(auth, by, session, until ?? null));
  }

  @Post('resume')
  @Scopes('sessions:manage')
  @Operation({
    summary: 'Resume the queue of a session',
    description: 'What waited leaves by the pacing of the session. One that is not paused stays as it is.',
    idempotent: 'idempotent',
    answer: { status: 200, type: SessionDto, example: SESSION_EXAMPLE },
    problems: ['not_found', 'wrong_key_mode', 'session_not_allowed'],
  })
  async resume(
    @CurrentKey() auth: AuthContext,
    @CurrentActor() by: Actor,
    @Param() { session }: SessionParams,
  ): Promise<SessionView> {
    return viewOf(await this.pauses.resume(auth, by, session));
  }
}
