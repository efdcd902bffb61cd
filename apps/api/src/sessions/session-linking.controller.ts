import { Body, Controller, Get, Header, Param, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CurrentActor, type Actor } from '../audit/index.js';
import { CurrentKey, Scopes, type AuthContext } from '../auth/index.js';
import { Operation, type ApiReply } from '../http/index.js';
import { SessionLinkingService } from './session-linking.service.js';
import { SESSION_EXAMPLE } from './session-view.js';
import {
  DiagnosticsDto,
  PairingCodeDto,
  PairingCodeRequest,
  QrDto,
  QrQuery,
  SessionParams,
  type DiagnosticsView,
  type QrView,
} from './sessions.dto.js';

const QR_EXAMPLE: QrView = {
  qr: '2@example-of-what-the-phone-scans',
  dataUrl: 'data:image/png;base64,iVBORw0KGgo=',
  expiresAt: '2026-01-01T09:00:20.000Z',
  attempt: 1,
};

const DIAGNOSTICS_EXAMPLE: DiagnosticsView = {
  session: SESSION_EXAMPLE,
  queue: { queued: 0, oldestSeconds: null },
  waVersion: '2.3000.1029384756',
  shims: [{ name: 'msg-key', state: 'active' }],
  brokenContracts: [],
  lastProbe: { at: '2026-01-01T09:41:15.000Z', ok: true, ms: 12 },
  lastInboundAt: '2026-01-01T09:40:02.000Z',
  lastAckAt: '2026-01-01T09:39:58.000Z',
  restartsLastHour: 0,
  memoryBytes: 128_974_848,
  sandbox: true,
  quarantine: { since: '2026-01-01T09:00:00.000Z', noKey: 0, unreadable: 0, refused: 0, notStored: 0 },
  quarantinedEvents: 0,
  pendingEvents: 0,
};

@ApiTags('Sessions')
@Controller('sessions/:session')
export class SessionLinkingController {
  constructor(private readonly linking: SessionLinkingService) {}

  @Get('qr')
  @Scopes('sessions:manage')
  @Header('Cache-Control', 'no-store')
  @Operation({
    summary: 'Show the QR code that links a session to a phone',
    description:
      'JSON by default; `format=png` and `format=svg` answer an image, `format=terminal` answers text. `wait` holds the answer until there is a QR code. Whoever scans it is linked: treat it as a password.',
    idempotent: 'safe',
    answer: {
      status: 200,
      type: QrDto,
      example: QR_EXAMPLE,
      otherTypes: ['image/png', 'image/svg+xml', 'text/plain'],
    },
    problems: ['not_found', 'wrong_key_mode', 'session_not_allowed', 'qr_not_available', 'node_unavailable'],
  })
  async qr(
    @CurrentKey() auth: AuthContext,
    @Param() { session }: SessionParams,
    @Query() query: QrQuery,
    @Res({ passthrough: true }) reply: ApiReply,
  ): Promise<unknown> {
    const { type, body } = await this.linking.qr(auth, session, query);
    void reply.header('Content-Type', type);
    return body;
  }

  @Post('pairing-code')
  @Scopes('sessions:manage')
  @Header('Cache-Control', 'no-store')
  @Operation({
    summary: 'Ask for a code that links a session without scanning',
    description:
      'The phone shows where to enter it: linked devices, link with phone number. The session has to be started. Three codes in ten minutes for one number.',
    idempotent: 'not_idempotent',
    answer: { status: 200, type: PairingCodeDto, example: { code: 'ABCD-1234' } },
    problems: [
      'not_found',
      'wrong_key_mode',
      'session_not_allowed',
      'invalid_state',
      'session_already_linked',
      'qr_not_available',
      'pairing_limit_reached',
      'node_unavailable',
    ],
  })
  pairingCode(
    @CurrentKey() auth: AuthContext,
    @CurrentActor() by: Actor,
    @Param() { session }: SessionParams,
    @Body() { phone }: PairingCodeRequest,
  ): Promise<{ code: string }> {
    return this.linking.pairingCode(auth, by, session, phone);
  }

  @Get('diagnostics')
  @Scopes('sessions:manage')
  @Operation({
    summary: 'Show what is known of a session’s health',
    description:
      'Asks the node that runs the session, so it has to be started: what the page last proved, what is held back, what was quarantined. For finding out why a session does not do what it should; `GET /sessions/{session}` is enough to know whether it works.',
    idempotent: 'safe',
    answer: { status: 200, type: DiagnosticsDto, example: DIAGNOSTICS_EXAMPLE },
    problems: ['not_found', 'wrong_key_mode', 'session_not_allowed', 'invalid_state', 'node_unavailable'],
  })
  diagnostics(
    @CurrentKey() auth: AuthContext,
    @Param() { session }: SessionParams,
  ): Promise<DiagnosticsView> {
    return this.linking.diagnostics(auth, session);
  }
}
