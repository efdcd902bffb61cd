import { Injectable } from '@nestjs/common';
import type { MessageContent } from '#contracts';
import { Database, type Query } from '#database';
import { BLOCK_SIZE, searchableText, toTerms, wordsOf } from './search-terms.js';

const BATCH = 300;
const UNTIMED_BATCH = 2_000;

interface Progress {
  number: number;
  uptoId: string;
  indexed: number;
  untimedFrom: string | null;
}

interface Unindexed {
  id: string;
  sessionId: string;
  content: MessageContent;
}

const PROGRESS = `SELECT number, upto_id AS "uptoId", indexed::float8 AS indexed, untimed_from AS "untimedFrom"
  FROM search_progress WHERE tenant_id = $1`;
const DUE = {
  name: 'search_due',
  text: `SELECT t.id FROM tenants t LEFT JOIN search_progress p ON p.tenant_id = t.id
    WHERE p.untimed_from IS NOT NULL OR EXISTS (SELECT FROM search_again a WHERE a.tenant_id = t.id)
      OR (SELECT m.id FROM messages m WHERE m.tenant_id = t.id AND m.id > coalesce(p.upto_id, '')
        ORDER BY m.id LIMIT 1) <= $1`,
};
const NEXT = {
  name: 'search_next',
  text: `SELECT m.id, m.session_id AS "sessionId", m.content FROM messages m
    WHERE m.tenant_id = $1 AND m.id > $2 AND m.id <= $3 ORDER BY m.id LIMIT ${String(BATCH)}`,
};
const INSERT = {
  name: 'search_insert',
  text: `INSERT INTO message_search (tenant_id, message_id, session_id, block, terms)
    SELECT $1, r.id, r.session, r.block, r.terms::tsvector
    FROM unnest($2::text[], $3::text[], $4::int[], $5::text[]) AS r (id, session, block, terms)
    ON CONFLICT (tenant_id, message_id) DO NOTHING`,
};
/**
 * Between what was indexed before and after it, so that blocks stay in the order of ids. The subquery is one look per
 * message of the range; as an anti-join it would be planned to read the whole index of a tenant.
 */
const MISSED = {
  name: 'search_missed',
  text: `SELECT m.id, m.session_id AS "sessionId", m.content, coalesce((SELECT x.block FROM message_search x
      WHERE x.tenant_id = m.tenant_id AND x.message_id < m.id ORDER BY x.message_id DESC LIMIT 1), 0) AS block
    FROM messages m WHERE m.tenant_id = $1 AND m.id > $2 AND m.id <= $3
      AND (SELECT x.block FROM message_search x WHERE x.tenant_id = m.tenant_id AND x.message_id = m.id) IS NULL
    ORDER BY m.id LIMIT ${String(BATCH)}`,
};
/** What was indexed before the blocks had times, in the order of ids. */
const UNTIMED = {
  name: 'search_untimed',
  text: `SELECT count(*)::int AS count, max(id) AS "lastId", wagate_widen_search_blocks($1, array_agg(id))
    FROM (SELECT x.message_id AS id FROM message_search x WHERE x.tenant_id = $1 AND x.message_id > $2
      ORDER BY x.message_id LIMIT ${String(UNTIMED_BATCH)}) x`,
};
const AGAIN = {
  name: 'search_again',
  text: `SELECT a.message_id AS id, m.session_id AS "sessionId", m.content, x.block FROM search_again a
    JOIN messages m ON m.tenant_id = a.tenant_id AND m.id = a.message_id
    LEFT JOIN message_search x ON x.tenant_id = a.tenant_id AND x.message_id = a.message_id
    WHERE a.tenant_id = $1 LIMIT ${String(BATCH)} FOR UPDATE OF a SKIP LOCKED`,
};

/** Reads messages and writes their terms. One process at a time per tenant. */
@Injectable()
export class SearchIndexRepository {
  constructor(private readonly database: Database) {}

  /** Tenants with something to index up to the id. */
  async listDue(boundId: string): Promise<string[]> {
    return this.ids(DUE, [boundId]);
  }

  async listIndexed(): Promise<string[]> {
    return this.ids('SELECT tenant_id AS id FROM search_progress ORDER BY tenant_id', []);
  }

  /** The next messages in the order of their ids, up to `boundId`; resolves with their number. */
  async indexNext(tenantId: string, boundId: string): Promise<number> {
    return this.exclusively(tenantId, async (query, progress) => {
      const rows = await query<Unindexed & object>(NEXT, [tenantId, progress.uptoId, boundId]);
      const blockOf = (place: number) => Math.floor((progress.indexed + place) / BLOCK_SIZE);
      await insert(
        query,
        tenantId,
        progress.number,
        rows.map((row, place) => ({ ...row, block: blockOf(place) })),
      );
      await query('UPDATE search_progress SET upto_id = $2, indexed = indexed + $3 WHERE tenant_id = $1', [
        tenantId,
        rows.length < BATCH ? boundId : (rows.at(-1)?.id ?? boundId),
        rows.length,
      ]);
      return rows.length;
    });
  }

  /** Messages from `fromId` on that the index has passed by. */
  async indexMissed(tenantId: string, fromId: string): Promise<number> {
    return this.exclusively(tenantId, async (query, progress) => {
      const rows = await query<Unindexed & { block: number }>(MISSED, [tenantId, fromId, progress.uptoId]);
      await insert(query, tenantId, progress.number, rows);
      return rows.length;
    });
  }

  /** Goes on to take the times of what was indexed before blocks had them; resolves with the number of messages. */
  async timeNext(tenantId: string): Promise<number> {
    return this.exclusively(tenantId, async (query, { untimedFrom }) => {
      if (untimedFrom === null) return 0;
      const [timed] = await query<{ count: number; lastId: string | null }>(UNTIMED, [tenantId, untimedFrom]);
      const { count = 0, lastId = null } = timed ?? {};
      await query('UPDATE search_progress SET untimed_from = $2 WHERE tenant_id = $1', [
        tenantId,
        count < UNTIMED_BATCH ? null : lastId,
      ]);
      return count;
    });
  }

  /**
   * Messages that say something else now, or are of another time; the database widens the times of their blocks. One that
   * is not indexed yet will be, with what it says then.
   */
  async indexAgain(tenantId: string): Promise<number> {
    return this.exclusively(tenantId, async (query, progress) => {
      const rows = await query<Unindexed & { block: number | null }>(AGAIN, [tenantId]);
      if (rows.length === 0) return 0;
      const indexed = rows.flatMap((row) => (row.block === null ? [] : [{ ...row, block: row.block }]));
      await query(
        `UPDATE message_search x SET terms = r.terms::tsvector FROM unnest($2::text[], $3::text[]) AS r (id, terms)
         WHERE x.tenant_id = $1 AND x.message_id = r.id AND x.terms IS DISTINCT FROM r.terms::tsvector`,
        [tenantId, indexed.map(({ id }) => id), indexed.map((row) => termsOf(progress.number, row))],
      );
      await query('DELETE FROM search_again WHERE tenant_id = $1 AND message_id = ANY($2)', [
        tenantId,
        rows.map(({ id }) => id),
      ]);
      return rows.length;
    });
  }

  private async ids(statement: Parameters<Query>[0], values: unknown[]): Promise<string[]> {
    const rows = await this.database.workerSql((query) => query<{ id: string }>(statement, values));
    return rows.map((row) => row.id);
  }

  /** Nothing is done, and 0 the answer, while another process is at it. */
  private exclusively(
    tenantId: string,
    work: (query: Query, progress: Progress) => Promise<number>,
  ): Promise<number> {
    return this.database.workerSql(async (query) => {
      const [lock] = await query<{ taken: boolean }>(
        `SELECT pg_try_advisory_xact_lock(hashtextextended('search of ' || $1, 0)) AS taken`,
        [tenantId],
      );
      if (!lock?.taken) return 0;
      await query('INSERT INTO search_progress (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING', [tenantId]);
      const [progress] = await query<Progress & object>(PROGRESS, [tenantId]);
      return progress ? work(query, progress) : 0;
    });
  }
}

async function insert(
  query: Query,
  tenantId: string,
  tenantNumber: number,
  rows: readonly (Unindexed & { block: number })[],
): Promise<void> {
  if (rows.length === 0) return;
  await query(INSERT, [
    tenantId,
    rows.map(({ id }) => id),
    rows.map(({ sessionId }) => sessionId),
    rows.map(({ block }) => block),
    rows.map((row) => termsOf(tenantNumber, row)),
  ]);
}

function termsOf(tenantNumber: number, { content, block }: Unindexed & { block: number }): string {
  return toTerms(tenantNumber, block, wordsOf(searchableText(content)));
}
