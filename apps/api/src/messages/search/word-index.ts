import { queryByBitmap } from '#database';
import { behind, filterConditions, isByTime, placeIn, visibility, VISIBLE } from '../message-list.js';
import { byNewest, EPOCH, type FoundMessage, type SearchScope } from './search-scope.js';
import { BLOCK_SIZE, toQuery } from './search-terms.js';

/** Of a block, at most so many messages with the words are counted: then they are common. */
const MOST_COUNTED = 1_000;
/** How far the search of a tenant has come; see search_progress. */
export interface IndexProgress {
  number: number;
  uptoId: string;
  indexed: number;
  /** Whether search_blocks holds the times of all blocks. */
  isTimed: boolean;
}

interface Block {
  number: number;
  /** No message of it is newer, but for those that moved; undefined: not known. */
  newest?: Date;
}

/** The part of the blocks to look through. */
interface Part {
  blocks?: readonly Block[];
  /** Of all these blocks together, the newest messages that hold the words; all of them unless told. Not by time. */
  most?: number;
}

/** Finds, in the index of words, what one search is for. */
export class WordIndex {
  private sessions: string[] | undefined;

  private constructor(
    private readonly scope: SearchScope,
    private readonly progress: IndexProgress,
    /** Those that may hold what is wanted, in the order in which the search goes through them. */
    readonly blocks: readonly Block[],
  ) {}

  /** @param isMoved whether messages that moved in time may be in any block */
  static async open(scope: SearchScope, progress: IndexProgress, isMoved: boolean): Promise<WordIndex> {
    const isTimed = isByTime(scope.filter) && progress.isTimed && !isMoved;
    const blocks = isTimed ? await listTimed(scope) : upTo(await newestBlock(scope, progress));
    return new WordIndex(scope, progress, blocks);
  }

  /** How many messages of a block (the first that is full) hold the words, to the order of magnitude. */
  async countPerBlock(): Promise<number> {
    const [row] = await queryByBitmap<{ count: number }>(
      this.scope.query,
      `SELECT count(*)::int AS count FROM (
         SELECT FROM message_search x WHERE x.terms @@ replace($1, '#', $2::text)::tsquery LIMIT $3) x`,
      [
        toQuery(this.progress.number, this.scope.wanted),
        (this.blocks[1] ?? this.blocks[0])?.number ?? 0,
        MOST_COUNTED,
      ],
    );
    return row?.count ?? 0;
  }

  /** All that hold the words and belong to the sessions, whatever the other filters are. */
  find(): Promise<FoundMessage[]> {
    return this.search({}, false);
  }

  findFiltered(): Promise<FoundMessage[]> {
    return this.search({}, true);
  }

  /** Not by time: those that fit the filters among the newest messages that hold the words, over all the blocks. */
  findAmongNewest(most: number, blocks: readonly Block[]): Promise<FoundMessage[]> {
    return this.search({ blocks, most }, true);
  }

  /**
   * By time: the newest of all blocks. A few blocks, then twice as many, until none that is left can hold one that is
   * newer than what was found.
   * @param first blocks that are expected to do
   */
  async findByTime(first: number): Promise<FoundMessage[]> {
    const { limit } = this.scope.range;
    let found: FoundMessage[] = [];
    for (let done = 0, count = first; done < this.blocks.length; count *= 2) {
      const blocks = this.blocks.slice(done, done + count);
      done += blocks.length;
      found = [...found, ...(await this.search({ blocks }, true))].toSorted(byNewest).slice(0, limit);
      const last = found[limit - 1];
      const bound = this.blocks[done]?.newest;
      if (last && bound && last.at > bound) break;
    }
    return found;
  }

  /**
   * Block by block, until there are enough; by time through all of them, as a block may hold messages of any time.
   * OFFSET 0 keeps the planner to this order: the words, the newest of those that hold them, the filters.
   */
  private async search({ blocks = this.blocks, most }: Part, isFiltered: boolean): Promise<FoundMessage[]> {
    const { query, auth, filter, wanted, range } = this.scope;
    const { after, limit } = range;
    const byTime = isByTime(filter);
    const values: unknown[] = [
      auth.tenantId,
      await this.listSessions(),
      toQuery(this.progress.number, wanted),
      blocks.map(({ number }) => number),
    ];
    const place = placeIn(values);
    const conditions = ['m.tenant_id = $1', 'm.id = said.id', ...filterConditions(filter, place)];
    if (byTime && after) conditions.push(behind(filter, after, place));
    const before = after && !byTime ? `AND x.id < ${place(after.id)}` : '';
    const filtered = `CROSS JOIN LATERAL (SELECT m.occurred_at FROM messages m WHERE ${conditions.join(' AND ')} OFFSET 0) m`;
    const count = place(limit);
    const ofBlock = `SELECT x.id FROM (
         SELECT y.tenant_id, y.message_id AS id, y.session_id FROM message_search y
         WHERE y.terms @@ replace($3, '#', b.block::text)::tsquery OFFSET 0
       ) x
       WHERE x.tenant_id = $1 AND x.session_id = ANY($2) ${before}
       ORDER BY x.id DESC`;
    const ofEach = `unnest($4::int[]) AS b (block) CROSS JOIN LATERAL`;
    if (most !== undefined) {
      // Cut over all blocks: of one that is cut alone, the rest would be left out, and messages of the next block taken.
      const newest = `SELECT said.id FROM ${ofEach} (${ofBlock} LIMIT ${place(most)}) said LIMIT ${place(most)}`;
      const text = `SELECT said.id, m.occurred_at AS at FROM (${newest}) said ${filtered} LIMIT ${count}`;
      return queryByBitmap<FoundMessage & object>(query, text, values);
    }
    return queryByBitmap<FoundMessage & object>(
      query,
      `SELECT found.id, found.at FROM ${ofEach} (
         SELECT said.id, ${isFiltered ? 'm.occurred_at' : EPOCH} AS at
         FROM (${ofBlock}) said ${isFiltered ? filtered : ''} ${byTime ? '' : `LIMIT ${count}`}
       ) found ${byTime ? 'ORDER BY found.at DESC, found.id DESC' : ''} LIMIT ${count}`,
      values,
    );
  }

  private async listSessions(): Promise<string[]> {
    this.sessions ??= await listSessions(this.scope);
    return this.sessions;
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

function upTo(newest: number): Block[] {
  return Array.from({ length: newest + 1 }, (_, place) => ({ number: newest - place }));
}

/** Blocks that may hold messages of the range of time, the newest first. */
async function listTimed({ query, auth, filter, range }: SearchScope): Promise<Block[]> {
  return query<Block & object>(
    `SELECT block AS number, newest FROM search_blocks WHERE tenant_id = $1
       AND ($2::timestamptz IS NULL OR newest >= $2) AND ($3::timestamptz IS NULL OR oldest < $3)
       AND ($4::timestamptz IS NULL OR oldest <= $4)
     ORDER BY newest DESC, block DESC`,
    [auth.tenantId, filter.from ?? null, filter.to ?? null, range.after?.occurredAt ?? null],
  );
}
