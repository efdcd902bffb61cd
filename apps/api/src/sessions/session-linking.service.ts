import { Injectable } from '@nestjs/common';
import type { AuthContext } from '../auth/index.js';
import { AuditLog, type Actor } from '../audit/index.js';
import { AppError } from '#kernel';
import { NodeClient, Quarantine, type StoredSession } from '../nodes/index.js';
import { qrImage, qrView } from './qr-image.js';
import { addressOf, isPlaced, SessionLifecycle } from './session-lifecycle.js';
import { SessionLinking } from './session-linking.js';
import { SessionLookup } from './session-lookup.js';
import { SessionRepository } from './session-repository.js';
import { viewOf } from './session-view.js';
import type {
  DiagnosticsView,
  InitializedSession,
  InitSessionDto,
  QrQuery,
  StatusView,
} from './sessions.dto.js';
import { SessionsService } from './sessions.service.js';

const DIAGNOSTICS_TIMEOUT_MS = 10_000;

export interface QrAnswer {
  type: string;
  body: unknown;
}

/** Linking a session to a phone, and how the session is. */
@Injectable()
export class SessionLinkingService {
  constructor(
    private readonly lookup: SessionLookup,
    private readonly linking: SessionLinking,
    private readonly lifecycle: SessionLifecycle,
    private readonly sessions: SessionsService,
    private readonly repository: SessionRepository,
    private readonly nodes: NodeClient,
    private readonly quarantine: Quarantine,
    private readonly audit: AuditLog,
  ) {}

  async qr(auth: AuthContext, reference: string, { format, wait }: QrQuery): Promise<QrAnswer> {
    const session = await this.lookup.resolve(auth, reference);
    const qr = await this.linking.qr(session, wait * 1000);
    if (format === 'json') return { type: 'application/json; charset=utf-8', body: await qrView(qr) };
    return qrImage(qr, format);
  }

  async pairingCode(
    auth: AuthContext,
    by: Actor,
    reference: string,
    phone: string,
  ): Promise<{ code: string }> {
    const session = await this.lookup.resolve(auth, reference);
    const { tenantId } = auth;
    const entry = { tenantId, action: 'session.pairing_code_requested', targetId: session.id };
    const code = await this.linking.pairingCode(session, phone, (query) =>
      this.audit.record(query, by, entry),
    );
    return { code };
  }

  async diagnostics(auth: AuthContext, reference: string): Promise<DiagnosticsView> {
    const session = await this.lookup.resolve(auth, reference);
    if (!isPlaced(session))
      throw new AppError('invalid_state', 'the session was never started; there is nothing to tell');
    const {
      snapshot: _,
      browserPid: __,
      ...diagnostics
    } = await this.nodes.call({ nodeName: session.nodeName }, 'session.diagnostics', addressOf(session), {
      timeoutMs: DIAGNOSTICS_TIMEOUT_MS,
    });
    const { queued, oldestAt } = await this.repository.queue(auth.tenantId, session.id);
    const oldestSeconds = oldestAt === null ? null : Math.max(0, (Date.now() - oldestAt.getTime()) / 1000);
    const { since, ...counts } = await this.quarantine.counts(auth.tenantId, session.id);
    const quarantine = { since: since?.toISOString() ?? null, ...counts };
    return { session: viewOf(session), queue: { queued, oldestSeconds }, quarantine, ...diagnostics };
  }

  /** Creates the session unless it is there, starts it and waits for something to scan. */
  async init(auth: AuthContext, by: Actor, request: InitSessionDto): Promise<InitializedSession> {
    const session = await this.findOrCreate(auth, by, request);
    const started = await this.lifecycle.start(session);
    const { qr, after } = await this.linking.findQr(started, request.wait * 1000);
    return { session: viewOf(after), qr: qr ? await qrView(qr) : null };
  }

  async status(auth: AuthContext, reference: string | undefined): Promise<StatusView> {
    const session = viewOf(await this.lookup.resolve(auth, reference));
    return { status: session.status, session };
  }

  private async findOrCreate(
    auth: AuthContext,
    by: Actor,
    { session, name }: InitSessionDto,
  ): Promise<StoredSession> {
    if (session !== undefined) return this.lookup.resolve(auth, session);
    return this.sessions.findOrCreate(auth, by, name);
  }
}
