import { Controller, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CurrentActor, type Actor } from '../audit/index.js';
import { CurrentKey, Scopes, type AuthContext } from '../auth/index.js';
import { Operation } from '../http/index.js';
import { SESSION_EXAMPLE, type SessionView } from './session-view.js';
import { SessionDto, SessionParams } from './sessions.dto.js';
import { SessionsService } from './sessions.service.js';

const STARTING: SessionView = {
  ...SESSION_EXAMPLE,
  state: 'starting',
  status: 'disconnected',
  reason: 'launching',
  reasonText: 'The browser is being started.',
};
const STOPPED: SessionView = {
  ...SESSION_EXAMPLE,
  state: 'stopped',
  status: 'disconnected',
  reason: 'requested',
  reasonText: 'A request asked for it.',
  action: 'start',
};
const LOGGED_OUT: SessionView = {
  ...STOPPED,
  state: 'logged_out',
  reason: 'logged_out',
  reasonText: 'The session was logged out by request.',
  action: 'relink',
  me: null,
};

@ApiTags('Sessions')
@Controller('sessions/:session')
export class SessionLifecycleController {
  constructor(private readonly sessions: SessionsService) {}

  @Post('start')
  @Scopes('sessions:manage')
  @Operation({
    summary: 'Start a session',
    description:
      'Answers at once, before the browser is there. A session that was linked connects by itself; any other shows a QR code. Starting a session that runs changes nothing.',
    idempotent: 'idempotent',
    answer: { status: 200, type: SessionDto, example: STARTING },
    problems: [
      'not_found',
      'wrong_key_mode',
      'session_not_allowed',
      'node_unavailable',
      'capacity_exhausted',
    ],
  })
  start(@CurrentKey() auth: AuthContext, @Param() { session }: SessionParams): Promise<SessionView> {
    return this.sessions.start(auth, session);
  }

  @Post('stop')
  @Scopes('sessions:manage')
  @Operation({
    summary: 'Stop a session',
    description:
      'Closes the browser; the session stays linked and messages for it wait. While its node cannot be reached the wish is kept and done later.',
    idempotent: 'idempotent',
    answer: { status: 200, type: SessionDto, example: STOPPED },
    problems: ['not_found', 'wrong_key_mode', 'session_not_allowed'],
  })
  stop(@CurrentKey() auth: AuthContext, @Param() { session }: SessionParams): Promise<SessionView> {
    return this.sessions.stop(auth, session);
  }

  @Post('restart')
  @Scopes('sessions:manage')
  @Operation({
    summary: 'Restart a session',
    description: 'Closes its browser and opens it again. A session that does not run is started.',
    idempotent: 'idempotent',
    answer: { status: 200, type: SessionDto, example: STARTING },
    problems: [
      'not_found',
      'wrong_key_mode',
      'session_not_allowed',
      'node_unavailable',
      'capacity_exhausted',
    ],
  })
  restart(@CurrentKey() auth: AuthContext, @Param() { session }: SessionParams): Promise<SessionView> {
    return this.sessions.restart(auth, session);
  }

  @Post('logout')
  @Scopes('sessions:manage')
  @Operation({
    summary: 'Log a session out',
    description:
      'Forgets the login, and has WhatsApp remove it from the phone when the session is connected; messages that wait to be sent end as failed. Start the session again to link a phone.',
    idempotent: 'idempotent',
    answer: { status: 200, type: SessionDto, example: LOGGED_OUT },
    problems: ['not_found', 'wrong_key_mode', 'session_not_allowed', 'node_unavailable'],
  })
  logout(
    @CurrentKey() auth: AuthContext,
    @CurrentActor() by: Actor,
    @Param() { session }: SessionParams,
  ): Promise<SessionView> {
    return this.sessions.logout(auth, by, session);
  }
}
