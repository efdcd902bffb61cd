import { Injectable } from '@nestjs/common';
import { AuditLog, type Actor } from '../audit/index.js';
import type { AuthContext } from '../auth/index.js';
import { Database, type Query } from '#database';
import { AppError } from '#kernel';
import { readPage, toPage, type Page } from '../http/index.js';
import { IdempotencyService, type IdempotentAnswer, type IdempotentRequest } from '../idempotency/index.js';
import type { StoredSession } from '../nodes/index.js';
import { SessionLifecycle } from './session-lifecycle.js';
import { assertMode, SessionLookup, sessionRequired } from './session-lookup.js';
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
        const session = await this.createIn(query, auth, by, request);
        return { status: 201, body: viewOf(session), resourceId: session.id };
      }),
    );
  }

  /**
   * The session of this name, or the only one where none is given; created unless it is there. Requests of one tenant
   * wait for each other here, so that two of them do not make two sessions.
   * @throws what `create` throws, and AppError `session_required`
   */
  findOrCreate(auth: AuthContext, by: Actor, name: string | undefined): Promise<StoredSession> {
    return this.database.tenantSql(auth.tenantId, async (query) => {
      const filter = { mode: auth.mode, ids: auth.sessionIds };
      const known = await this.sessions.listHeld(query, auth.tenantId, filter);
      const meant = name === undefined ? known : known.filter((one) => one.name === name);
      if (meant.length > 1) throw sessionRequired(true);
      if (meant[0]) return meant[0];
      assertMayCreate(auth, undefined);
      return this.createIn(query, auth, by, { name });
    });
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
    await this.lifecycle.delete(session, (query) => this.record(query, by, session, 'session.deleted'));
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
    if (session.linkedAt !== null) {
      await this.database.tenantSql(auth.tenantId, (query) =>
        this.record(query, by, session, 'session.logout_requested'),
      );
    }
    return viewOf(await this.lifecycle.logout(session));
  }

  private async createIn(
    query: Query,
    auth: AuthContext,
    by: Actor,
    request: CreateSessionDto,
  ): Promise<StoredSession> {
    const session = await this.sessions.create(query, auth.tenantId, { ...request, mode: auth.mode });
    await this.record(query, by, session, 'session.created', { mode: session.mode });
    return session;
  }

  private record(
    query: Query,
    by: Actor,
    { tenantId, id }: StoredSession,
    action: string,
    detail: Record<string, unknown> = {},
  ): Promise<void> {
    return this.audit.record(query, by, { tenantId, action, targetId: id, detail });
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
