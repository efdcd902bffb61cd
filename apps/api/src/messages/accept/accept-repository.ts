import { Injectable } from '@nestjs/common';
import { Database } from '#database';
import { failpoint } from '#runtime';
import type { MessageDraft } from './message-draft.js';

/** What `wagate_accept_messages` says of a draft that is not accepted. */
export interface RefusedDraft {
  id: string;
  outcome:
    'replayed' | 'key_reused' | 'in_progress' | 'tenant_cap' | 'session_cap' | 'session_gone' | 'media_gone';
  /** The answer stored with the key, for `replayed`. */
  body: string | null;
}

const ACCEPT = {
  name: 'messages_accept',
  text: 'SELECT id, outcome, body FROM wagate_accept_messages($1::jsonb, $2)',
};

/**
 * Writes drafts of any tenants in one transaction: message, idempotency key and daily count together. As a worker,
 * because a batch holds several tenants' messages; foreign keys hold each row to its own tenant.
 */
@Injectable()
export class AcceptRepository {
  constructor(private readonly database: Database) {}

  /**
   * Resolves with the drafts that were not accepted.
   * @param announce also to dispatchers of other processes
   */
  async accept(drafts: readonly MessageDraft[], announce: boolean): Promise<RefusedDraft[]> {
    const batch = JSON.stringify(drafts.map(toElement));
    return this.database.workerSql(async (query) => {
      const refused = await query<RefusedDraft & object>(ACCEPT, [batch, announce]);
      await failpoint('api.accept.before-commit');
      return refused;
    });
  }

  /** Which of the drafts are stored: after a commit whose answer was lost. */
  async listStored(drafts: readonly MessageDraft[]): Promise<Set<string>> {
    const rows = await this.database.workerSql((query) =>
      query<{ id: string }>(
        `SELECT m.id FROM unnest($1::text[], $2::text[]) AS d (tenant_id, id)
         JOIN messages m ON m.tenant_id = d.tenant_id AND m.id = d.id`,
        [drafts.map((draft) => draft.tenantId), drafts.map((draft) => draft.id)],
      ),
    );
    return new Set(rows.map((row) => row.id));
  }
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
    priority: draft.priority,
    createdAt: draft.createdAt,
    expiresAt: draft.expiresAt,
    operation: idempotency?.operation,
    key: idempotency?.key,
    hash: idempotency?.requestHash.toString('hex'),
    body: idempotency?.answer,
  };
}
