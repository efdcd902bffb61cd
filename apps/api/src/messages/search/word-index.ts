import { behind, filterConditions, isByTime, placeIn, visibility, VISIBLE } from '../message-list.js';
import { EPOCH, type FoundMessage, type SearchScope } from './search-scope.js';
import { BLOCK_SIZE, toQuery } from './search-terms.js';

/** Of a block, at most so many messages with the words are counted: then they are common. */
const MOST_COUNTED = 1_000;
/** How far the search of a tenant has come; see search_progress. */
export interface IndexProgress {
  number: number;
  uptoId: string;
  indexed: number;
}

interface Blocks {
  /** The oldest. */
  to: number;
  /** Of each, the newest messages that hold the words; all of them unless told. */
  most?: number;
}

/** Finds, in the index of words, what one search is for. */
export class WordIndex {
  private constructor(
    private readonly scope: SearchScope,
    private readonly progress: IndexProgress,
    /** The block that the search begins with. */
    readonly newest: number,
  ) {}

  static async open(scope: SearchScope, progress: IndexProgress): Promise<WordIndex> {
    return new WordIndex(scope, progress, await newestBlock(scope, progress));
  }

  /** How many messages of a block (the newest that is full) hold the words, to the order of magnitude. */
  async countPerBlock(): Promise<number> {
    const [row] = await this.scope.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM (
         SELECT FROM message_search x WHERE x.terms @@ replace($1, '#', $2::text)::tsquery LIMIT $3) x`,
      [toQuery(this.progress.number, this.scope.wanted), Math.max(0, this.newest - 1), MOST_COUNTED],
    );
    return row?.count ?? 0;
  }

  /** All that hold the words and belong to the sessions, whatever the other filters are. */
  find(): Promise<FoundMessage[]> {
    return this.search({ to: 0 }, false);
  }

  findFiltered(blocks: Blocks = { to: 0 }): Promise<FoundMessage[]> {
    return this.search(blocks, true);
  }

  /**
   * Block by block from the newest, until there are enough; by time through all of them, as a block may hold messages
   * of any time. OFFSET 0 keeps the planner to this order: the words, the newest of those that hold them, the filters.
   */
  private async search({ to, most }: Blocks, isFiltered: boolean): Promise<FoundMessage[]> {
    const { query, auth, filter, wanted, range } = this.scope;
    const { after, limit } = range;
    const byTime = isByTime(filter);
    const values: unknown[] = [
      auth.tenantId,
      await listSessions(this.scope),
      toQuery(this.progress.number, wanted),
      this.newest,
      to,
    ];
    const place = placeIn(values);
    const conditions = ['m.tenant_id = $1', 'm.id = said.id', ...filterConditions(filter, place)];
    if (byTime && after) conditions.push(behind(filter, after, place));
    const before = after && !byTime ? `AND x.id < ${place(after.id)}` : '';
    const filtered = `CROSS JOIN LATERAL (SELECT m.occurred_at FROM messages m WHERE ${conditions.join(' AND ')} OFFSET 0) m`;
    const count = place(limit);
    return query<FoundMessage & object>(
      `SELECT found.id, found.at FROM generate_series($4::int, $5::int, -1) AS b (block) CROSS JOIN LATERAL (
         SELECT said.id, ${isFiltered ? 'm.occurred_at' : EPOCH} AS at FROM (
           SELECT x.id FROM (
             SELECT y.tenant_id, y.message_id AS id, y.session_id FROM message_search y
             WHERE y.terms @@ replace($3, '#', b.block::text)::tsquery OFFSET 0
           ) x
           WHERE x.tenant_id = $1 AND x.session_id = ANY($2) ${before}
           ORDER BY x.id DESC ${most === undefined ? '' : `LIMIT ${place(most)}`}
         ) said ${isFiltered ? filtered : ''} ${byTime ? '' : `LIMIT ${count}`}
       ) found ${byTime ? 'ORDER BY found.at DESC, found.id DESC' : ''} LIMIT ${count}`,
      values,
    );
  }
}

async function listSessions({ query, auth, filter }: SearchScope): Promise<string[]> {
  const rows = await query<{ id: string }>(
    `SELECT s.id FROM sessions s WHERE s.tenant_id = $1 AND ${VISIBLE} AND ($4::text IS NULL OR s.id = $4)`,
    [...visibility(auth), filter.sessionId ?? null],
  );
  return rows.map((row) => row.id);
}

async function newestBlock(
  { query, auth, filter, range }: SearchScope,
  { indexed }: IndexProgress,
): Promise<number> {
  const { after } = range;
  if (!after || isByTime(filter)) return Math.floor(indexed / BLOCK_SIZE);
  const [row] = await query<{ block: number }>(
    `SELECT block FROM message_search WHERE tenant_id = $1 AND message_id <= $2 ORDER BY message_id DESC LIMIT 1`,
    [auth.tenantId, after.id],
  );
  return row?.block ?? 0;
}
