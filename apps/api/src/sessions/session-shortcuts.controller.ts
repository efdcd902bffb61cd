import { Body, Controller, Get, Header, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CurrentActor, type Actor } from '../audit/index.js';
import { CurrentKey, Scopes, type AuthContext } from '../auth/index.js';
import { Operation } from '../http/index.js';
import { SessionLinkingService } from './session-linking.service.js';
import { SESSION_EXAMPLE, type SessionView } from './session-view.js';
import {
  DisconnectDto,
  InitializedSessionDto,
  InitSessionDto,
  SessionDto,
  SessionReferenceQuery,
  SessionStatusDto,
  type InitializedSession,
  type StatusView,
} from './sessions.dto.js';
import { SessionsService } from './sessions.service.js';

const PAIRING: SessionView = {
  ...SESSION_EXAMPLE,
  state: 'pairing',
  status: 'qr_pending',
  reason: 'scan_qr',
  reasonText: 'WhatsApp shows a QR code that has to be scanned with the phone.',
  action: 'scan_qr',
  provenAt: null,
  me: null,
};
const QR = {
  qr: '2@example-of-what-the-phone-scans',
  dataUrl: 'data:image/png;base64,iVBORw0KGgo=',
  expiresAt: '2026-01-01T09:00:20.000Z',
  attempt: 1,
};

/** Short forms for a tenant that has one session. */
@ApiTags('Sessions')
@Controller('sessions')
export class SessionShortcutsController {
  constructor(
    private readonly linking: SessionLinkingService,
    private readonly sessions: SessionsService,
  ) {}

  @Post('init')
  @Scopes('sessions:manage')
  @Header('Cache-Control', 'no-store')
  @Operation({
    summary: 'Create or start a session and get its QR code',
    description:
      'With `name`, the session of that name is created unless it exists; with neither, the only session is meant and one is created for a tenant without any. `qr` is null when the session is linked already, or when there was none within `wait` seconds. It answers 200 whether it created the session or not, and takes no Idempotency-Key: repeated with the same `name` it finds what it made.',
    idempotent: 'idempotent',
    answer: { status: 200, type: InitializedSessionDto, example: { session: PAIRING, qr: QR } },
    problems: [
      'not_found',
      'wrong_key_mode',
      'session_not_allowed',
      'session_required',
      'session_limit_reached',
      'name_taken',
      'node_unavailable',
      'capacity_exhausted',
    ],
  })
  init(
    @CurrentKey() auth: AuthContext,
    @CurrentActor() by: Actor,
    @Body() request: InitSessionDto,
  ): Promise<InitializedSession> {
    return this.linking.init(auth, by, request);
  }

  @Get('status')
  @Scopes('sessions:manage')
  @Operation({
    summary: 'Show whether the session is connected',
    description:
      'The session in three words (`status`) and in full; without `session` the only one of the tenant.',
    idempotent: 'safe',
    answer: {
      status: 200,
      type: SessionStatusDto,
      example: { status: 'connected', session: SESSION_EXAMPLE },
    },
    problems: ['not_found', 'wrong_key_mode', 'session_not_allowed', 'session_required'],
  })
  status(@CurrentKey() auth: AuthContext, @Query() { session }: SessionReferenceQuery): Promise<StatusView> {
    return this.linking.status(auth, session);
  }

  @Post('disconnect')
  @Scopes('sessions:manage')
  @Operation({
    summary: 'Stop the session',
    description: 'The same as stopping it: it stays linked.',
    idempotent: 'idempotent',
    answer: {
      status: 200,
      type: SessionDto,
      example: { ...SESSION_EXAMPLE, state: 'stopped', status: 'disconnected' },
    },
    problems: ['not_found', 'wrong_key_mode', 'session_not_allowed', 'session_required'],
  })
  disconnect(
    @CurrentKey() auth: AuthContext,
    @Query() query: SessionReferenceQuery,
    @Body() body: DisconnectDto,
  ): Promise<SessionView> {
    return this.sessions.stop(auth, body.session ?? query.session);
  }
}
