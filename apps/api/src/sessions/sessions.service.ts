import { Injectable } from '@nestjs/common';
import { AuditLog, type Actor } from '../audit/index.js';
import type { AuthContext } from '../auth/index.js';
import { Database } from '#database';
import { AppError } from '#kernel';
import { readPage, toPage, type Page } from '../http/index.js';
import { IdempotencyService, type IdempotentAnswer, type IdempotentRequest } from '../idempotency/index.js';
import type { StoredSession } from '../nodes/index.js';
import { SessionLifecycle } from './session-lifecycle.js';
import { assertMode, SessionLookup } from './session-lookup.js';
import { SessionRepository, type SessionChange } from './session-repository.js';
import { viewOf, type SessionView } from './session-view.js';
import type { CreateSessionDto, ListSessionsQuery } from './sessions.dto.js';

const LIST = 'sessions';
const SESSION_ID = /^ses_[0-9a-z]{26}$/;

/** Sessions as a tenant manages them. */
@Injectable()
export class SessionsService {
  constructor(
    private readonly database: Database,
    private readonly sessions: SessionRepository,
    private readonly lookup: SessionLookup,
    private readonly lifecycle: SessionLifecycle,
    private readonly idempotency: IdempotencyService,
    private readonly audit: AuditLog,
  ) {}

  /** @throws AppError `wrong_key_mode`, `session_not_allowed`, `name_taken`, `session_limit_reached` */
  create(
    auth: AuthContext,
    by: Actor,
    request: CreateSessionDto,
    idempotent: IdempotentRequest | undefined,
  ): Promise<IdempotentAnswer<SessionView>> {
    assertMayCreate(auth, request.mode);
    return this.database.tenantSql(auth.tenantId, (query) =>
      this.idempotency.run(query, auth.tenantId, idempotent, async () => {
        const session = await this.sessions.create(query, auth.tenantId, { ...request, mode: auth.mode });
        await this.audit.record(query, by, {
          tenantId: auth.tenantId,
          action: 'session.created',
          targetId: session.id,
          detail: { mode: session.mode },
        });
        return { status: 201, body: viewOf(session), resourceId: session.id };
      }),
    );
  }

  /** As `create` for the caller that needs the row itself. */
  async createNamed(auth: AuthContext, by: Actor, name: string | undefined): Promise<StoredSession> {
    const { body } = await this.create(auth, by, name === undefined ? {} : { name }, undefined);
    return this.lookup.resolve(auth, body.id);
  }

  async list(auth: AuthContext, query: ListSessionsQuery): Promise<Page<SessionView>> {
    const page = readPage(LIST, query, [SESSION_ID]);
    const filter = { mode: auth.mode, ids: auth.sessionIds };
    const rows = await this.sessions.list(auth.tenantId, filter, page.limit + 1, page.after?.[0]);
    return toPage(LIST, query, rows, (row) => [row.id], viewOf);
  }

  async get(auth: AuthContext, reference: string): Promise<SessionView> {
    return viewOf(await this.lookup.resolve(auth, reference));
  }

  async change(auth: AuthContext, reference: string, change: SessionChange): Promise<SessionView> {
    const session = await this.lookup.resolve(auth, reference);
    return viewOf(await this.sessions.change(auth.tenantId, session.id, change));
  }

  async delete(auth: AuthContext, by: Actor, reference: string): Promise<void> {
    const session = await this.lookup.resolve(auth, reference);
    await this.lifecycle.delete(session);
    await this.recordEnd(by, session, 'session.deleted');
  }

  async start(auth: AuthContext, reference: string): Promise<SessionView> {
    return viewOf(await this.lifecycle.start(await this.lookup.resolve(auth, reference)));
  }

  async stop(auth: AuthContext, reference: string | undefined): Promise<SessionView> {
    return viewOf(await this.lifecycle.stop(await this.lookup.resolve(auth, reference)));
  }

  async restart(auth: AuthContext, reference: string): Promise<SessionView> {
    return viewOf(await this.lifecycle.restart(await this.lookup.resolve(auth, reference)));
  }

  async logout(auth: AuthContext, by: Actor, reference: string): Promise<SessionView> {
    const session = await this.lookup.resolve(auth, reference);
    const after = await this.lifecycle.logout(session);
    if (session.linkedAt !== null) await this.recordEnd(by, session, 'session.logged_out');
    return viewOf(after);
  }

  private async recordEnd(by: Actor, { tenantId, id }: StoredSession, action: string): Promise<void> {
    await this.database.tenantSql(tenantId, (query) =>
      this.audit.record(query, by, { tenantId, action, targetId: id }),
    );
  }
}

function assertMayCreate(auth: AuthContext, mode: AuthContext['mode'] | undefined): void {
  if (mode !== undefined) assertMode(auth, mode);
  if (auth.sessionIds !== null) {
    throw new AppError(
      'session_not_allowed',
      'this API key is bound to certain sessions and cannot create others',
    );
  }
}
