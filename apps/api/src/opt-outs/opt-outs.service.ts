import { Injectable } from '@nestjs/common';
import { Database } from '#database';
import { AppError } from '#kernel';
import { AuditLog, type Actor } from '../audit/index.js';
import type { AuthContext } from '../auth/index.js';
import { readPage, toPage, type Page } from '../http/index.js';
import { MessageStopper, parseRecipient } from '../messages/index.js';
import { SessionLookup } from '../sessions/index.js';
import { OptOutRepository, type StoredOptOut } from './opt-out-repository.js';
import type { CreatedOptOut, CreateOptOutDto, ListOptOutsQuery, OptOutView } from './opt-outs.dto.js';

const LIST = 'opt-outs';
const OPT_OUT_ID = /^opt_[0-9a-z]{26}$/;

/** People who do not want to be written to, and what that means for messages to them. */
@Injectable()
export class OptOutsService {
  constructor(
    private readonly database: Database,
    private readonly optOuts: OptOutRepository,
    private readonly sessions: SessionLookup,
    private readonly stopper: MessageStopper,
    private readonly audit: AuditLog,
  ) {}

  /**
   * Nothing is accepted for them from now on, what waits for them fails, and what is being handed over at this moment
   * is waited for, for a while.
   * @throws AppError `invalid_recipient`, `session_not_allowed` (a key for certain sessions names none), and what
   *   `SessionLookup.resolve` throws
   */
  async create(auth: AuthContext, by: Actor, request: CreateOptOutDto): Promise<CreatedOptOut> {
    const { tenantId } = auth;
    const { chatId } = parseRecipient(request.to);
    const session = request.session === undefined ? null : await this.sessions.resolve(auth, request.session);
    if (!session && auth.sessionIds !== null) {
      throw new AppError('session_not_allowed', 'this API key is for certain sessions: name one of them', {
        details: [{ path: 'session', message: 'must be given with this API key' }],
      });
    }
    const optOut = await this.database.tenantSql(tenantId, async (query) => {
      const wanted = { waId: chatId, sessionId: session?.id ?? null, reason: request.reason ?? null };
      const created = await this.optOuts.create(query, auth, wanted);
      const detail = { sessionId: created.sessionId };
      await this.audit.record(query, by, {
        tenantId,
        action: 'opt_out.created',
        targetId: created.id,
        detail,
      });
      return created;
    });
    const waIds = await this.optOuts.formsOf(auth, chatId);
    const underWay = await this.stopper.stop({
      tenantId,
      mode: auth.mode,
      sessionId: session?.id ?? null,
      waIds,
    });
    return { ...viewOf(optOut), underWay };
  }

  async list(auth: AuthContext, query: ListOptOutsQuery): Promise<Page<OptOutView>> {
    const { limit, after } = readPage(LIST, query, [OPT_OUT_ID]);
    const waIds =
      query.to === undefined ? undefined : await this.optOuts.formsOf(auth, parseRecipient(query.to).chatId);
    const session =
      query.session === undefined ? undefined : await this.sessions.resolve(auth, query.session);
    const rows = await this.optOuts.list(auth, { waIds, sessionId: session?.id }, limit, after?.[0]);
    return toPage(LIST, query, rows, (row) => [row.id], viewOf);
  }

  /** They may be written to again; what failed stays failed. @throws AppError `not_found` */
  async remove(auth: AuthContext, by: Actor, id: string): Promise<void> {
    const { tenantId } = auth;
    await this.database.tenantSql(tenantId, async (query) => {
      if (!(await this.optOuts.remove(query, auth, id))) {
        throw new AppError('not_found', 'there is no such opt-out');
      }
      await this.audit.record(query, by, { tenantId, action: 'opt_out.removed', targetId: id });
    });
  }
}

function viewOf({ waId, otherWaId, sessionId, sessionName, ...rest }: StoredOptOut): OptOutView {
  const forms = [waId, otherWaId].filter((form) => form !== null);
  return {
    id: rest.id,
    session: sessionId === null ? null : { id: sessionId, name: sessionName ?? '' },
    to: {
      id: waId,
      phone: forms.find((form) => form.endsWith('@c.us'))?.slice(0, -'@c.us'.length) ?? null,
      lid: forms.find((form) => form.endsWith('@lid')) ?? null,
    },
    reason: rest.reason,
    createdAt: rest.createdAt.toISOString(),
  };
}
