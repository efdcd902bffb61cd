import { Injectable } from '@nestjs/common';
import { Database } from '#database';
import { failpoint } from '#runtime';
import { LimitNotices, type RefusedByLimit } from '../../pacing/index.js';
import type { MessageDraft } from './message-draft.js';

/** What `wagate_accept_messages` says of a draft that is not accepted. */
export interface RefusedDraft {
  id: string;
  outcome:
    | 'replayed'
    | 'key_reused'
    | 'in_progress'
    | 'tenant_cap'
    | 'session_cap'
    | 'session_gone'
    | 'media_gone'
    | 'opted_out';
  /** The answer stored with the key, for `replayed`. */
  body: string | null;
}

const ACCEPT = {
  name: 'messages_accept',
  text: 'SELECT id, outcome, body FROM wagate_accept_messages($1::jsonb, $2)',
};

const XACT = { name: 'xact_id', text: 'SELECT pg_current_xact_id()::text AS id' };

const FATE = { name: 'accept_fate', text: 'SELECT pg_xact_status($1::xid8) AS fate' };

const WRITTEN = {
  name: 'accept_written',
  text: `SELECT count(*)::int AS count FROM unnest($1::text[], $2::text[]) AS d (tenant_id, id)
    JOIN messages m ON m.tenant_id = d.tenant_id AND m.id = d.id`,
};

/** What is known of a batch before its commit. */
export interface WrittenBatch {
  /** Id of the transaction. */
  xact: string;
  refused: RefusedDraft[];
}

/**
 * Writes drafts of any tenants in one transaction: message, idempotency key and daily count together. As a worker,
 * because a batch holds several tenants' messages; foreign keys hold each row to its own tenant.
 */
@Injectable()
export class AcceptRepository {
  constructor(
    private readonly database: Database,
    private readonly limits: LimitNotices,
  ) {}

  /**
   * Resolves with the drafts that were not accepted.
   * @param announce also to dispatchers of other processes
   * @param note is told what will be true if the commit succeeds: its answer may be lost
   */
  async accept(
    drafts: readonly MessageDraft[],
    announce: boolean,
    note: (written: WrittenBatch) => void,
  ): Promise<RefusedDraft[]> {
    const batch = JSON.stringify(drafts.map(toElement));
    return this.database.workerSql(async (query) => {
      const [refused, [xact]] = await Promise.all([
        query<RefusedDraft & object>(ACCEPT, [batch, announce]),
        query<{ id: string }>(XACT),
      ]);
      note({ xact: xact?.id ?? '', refused });
      if (refused.length > 0) await this.limits.tellRefused(query, refusedByLimit(drafts, refused));
      await failpoint('api.accept.before-commit');
      return refused;
    });
  }

  /**
   * What became of the transaction that wrote these drafts; null when nobody can tell. Its id alone says no more than
   * that it has ended: when the server crashed before it wrote the end of a transaction to disk, it may give the same id
   * to another one afterwards, which commits. The rows are there, or they are not.
   */
  async fateOf(
    xact: string,
    drafts: readonly Pick<MessageDraft, 'id' | 'tenantId'>[],
  ): Promise<'committed' | 'aborted' | 'in progress' | null> {
    const { fate, count } = await this.database.workerSql(async (query) => {
      // One after the other: what has ended by the first is seen by the second, if it was committed.
      const [status] = await query<{ fate: 'committed' | 'aborted' | 'in progress' | null }>(FATE, [xact]);
      const keys = [drafts.map(({ tenantId }) => tenantId), drafts.map(({ id }) => id)];
      const [written] = await query<{ count: number }>(WRITTEN, keys);
      return { fate: status?.fate ?? null, count: written?.count ?? 0 };
    });
    if (count > 0) return 'committed';
    return fate === 'committed' && drafts.length > 0 ? 'aborted' : fate;
  }
}

function refusedByLimit(drafts: readonly MessageDraft[], refused: readonly RefusedDraft[]): RefusedByLimit[] {
  const byId = new Map(drafts.map((draft) => [draft.id, draft]));
  return refused.flatMap(({ id, outcome }) => {
    const draft = byId.get(id);
    if (!draft || (outcome !== 'tenant_cap' && outcome !== 'session_cap')) return [];
    const { tenantId, sessionId } = draft;
    return [{ tenantId, sessionId, whose: outcome === 'tenant_cap' ? 'tenant' : 'session' }];
  });
}

/** One element of the batch; see the function's comment in its migration. */
function toElement(draft: MessageDraft): object {
  const { idempotency } = draft;
  return {
    id: draft.id,
    tenant: draft.tenantId,
    session: draft.sessionId,
    chat: draft.chatId,
    type: draft.content.type,
    content: draft.content,
    media: draft.mediaId,
    quotedMessage: draft.quotedMessageId,
    quotedWa: draft.quotedWaMessageId,
    clientRef: draft.clientRef,
    metadata: draft.metadata,
    linkPreview: draft.linkPreview,
    typing: draft.typing,
    priority: draft.priority,
    createdAt: draft.createdAt,
    expiresAt: draft.expiresAt,
    operation: idempotency?.operation,
    key: idempotency?.key,
    hash: idempotency?.requestHash.toString('hex'),
    body: idempotency?.answer,
  };
}
