import { expect } from 'vitest';
import { idBoundary } from '#kernel';
import { waitFor } from '../../../test/support/index.js';
import type { TestApi, TestTenant } from '../../../test/support/start-api.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { SearchIndex } from '../src/messages/search/search-index.js';
import { BLOCK_SIZE } from '../src/messages/search/search-terms.js';
import type { PageBody } from './session-bodies.js';

/** A message as if it had come in or been sent long ago. */
export interface StoredMessage {
  id: string;
  session: string;
  /** The author, too, of what came in. */
  chat: string;
  direction: 'in' | 'out';
  text: string;
  /** A text unless told. */
  type?: 'text' | 'poll';
  /** Received or sent unless told. */
  status?: string;
  occurredAt: Date;
  /** Now unless told. */
  createdAt?: Date;
}

/** Sessions of these ids, named session-0 and so on. */
export async function storeSessions(api: TestApi, tenantId: string, ids: readonly string[]): Promise<void> {
  await api.database.workerSql((query) =>
    query(
      `INSERT INTO sessions (tenant_id, id, name, mode)
       SELECT $1, id, 'session-' || (n - 1), 'test' FROM unnest($2::text[]) WITH ORDINALITY AS s (id, n)`,
      [tenantId, ids],
    ),
  );
}

/** @param block of the index of words, from whose beginning on they are indexed; no id of them is of an earlier time */
export async function storeMessages(
  api: TestApi,
  tenantId: string,
  messages: readonly StoredMessage[],
  block?: { number: number; fromMs: number },
): Promise<void> {
  await api.database.workerSql(async (query) => {
    if (block) {
      await query(
        `INSERT INTO search_progress (tenant_id, indexed, upto_id) VALUES ($1, $2, $3)
         ON CONFLICT (tenant_id) DO UPDATE SET indexed = excluded.indexed, upto_id = excluded.upto_id`,
        [tenantId, block.number * BLOCK_SIZE, idBoundary('msg', block.fromMs)],
      );
    }
    await query(
      `INSERT INTO messages (tenant_id, id, session_id, direction, origin, chat_wa_id, author_wa_id, type, content, status,
         occurred_at, created_at)
       SELECT $1, id, session, direction, CASE direction WHEN 'in' THEN 'contact' ELSE 'api' END, chat,
         CASE direction WHEN 'in' THEN chat END, coalesce(type, 'text'),
         CASE type WHEN 'poll' THEN jsonb_build_object('type', type, 'question', text, 'choices', '[]'::jsonb)
           ELSE jsonb_build_object('type', 'text', 'text', text) END,
         coalesce(status, CASE direction WHEN 'in' THEN 'received' ELSE 'sent' END), "occurredAt",
         coalesce("createdAt", now())
       FROM jsonb_to_recordset($2::jsonb) AS r (id text, session text, chat text, direction text, text text, type text,
         status text, "occurredAt" timestamptz, "createdAt" timestamptz)`,
      [tenantId, JSON.stringify(messages)],
    );
  });
}

/**
 * Until the index of words holds everything. The api indexes by itself too, and then one of the two is turned away.
 * @param aheadMs as if so much time had passed; what is sent later than that would be passed by
 */
export async function indexAll(api: TestApi, aheadMs = 0): Promise<void> {
  const index = api.app.get(SearchIndex, { strict: false });
  await waitFor(
    async () => {
      await index.index(Date.now() + aheadMs);
      const [left] = await api.database.workerSql((query) =>
        query<{ count: number }>(
          `SELECT ((SELECT count(*) FROM search_again) + (SELECT count(*) FROM messages) +
             (SELECT count(*) FROM search_progress WHERE untimed_from IS NOT NULL) -
             (SELECT count(*) FROM message_search))::int AS count`,
        ),
      );
      return left?.count === 0;
    },
    { what: 'everything to be indexed' },
  );
}

/** Ids over all pages of a list, in its order. */
export async function idsOf({ client }: TestTenant, filter: Record<string, string>): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const query: URLSearchParams = new URLSearchParams({ ...filter, ...(cursor ? { cursor } : {}) });
    const { status, body }: { status: number; body: PageBody<MessageResource> } = await client.get(
      `/messages?${query.toString()}`,
    );
    expect(status).toBe(200);
    ids.push(...body.data.map(({ id }) => id));
    cursor = body.nextCursor;
  }
  return ids;
}
