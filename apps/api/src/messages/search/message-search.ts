import { Injectable } from '@nestjs/common';
import type { MessageContent } from '#contracts';
import { Database, type Query } from '#database';
import type { AuthContext } from '../../auth/index.js';
import {
  behind,
  filterConditions,
  isByTime,
  orderOf,
  pageQuery,
  placeIn,
  visibility,
  VISIBLE,
  type MessageFilter,
  type MessageRange,
} from '../message-list.js';
import { BLOCK_SIZE, isFound, searchableText, toQuery, wantedWords, wordsOf } from './search-terms.js';

/** Newest messages that are not in the index yet and are looked through one by one; more only when it lags behind. */
const MOST_FRESH = 1_000;
/** Messages with the words that are looked at to learn how many of them fit the other filters: each is a look-up. */
const SAMPLE = 300;
/** Messages that fit the other filters and are looked through in one go. */
const CHUNK = 1_000;

/** Plans that read whole tables are right for small ones only, and a prepared statement outlives that. */
const PLANNING = `SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;
  SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off`;

/** Where the time of a message is not needed. */
const EPOCH = `timestamptz 'epoch'`;

interface Found {
  id: string;
  at: Date;
}

interface Progress {
  number: number;
  uptoId: string;
  indexed: number;
}

interface Scope {
  query: Query;
  auth: AuthContext;
  filter: MessageFilter;
  wanted: ReturnType<typeof wantedWords>;
  range: MessageRange;
}

/**
 * Finds the messages of one tenant that say something. Runs as a worker, because row security keeps an index on words
 * from being used; every statement names the tenant, the terms of the index begin with it, and what is found is read
 * under row security.
 */
@Injectable()
export class MessageSearch {
  constructor(private readonly database: Database) {}

  /** Ids, in the order of the list: of messages with, for every word of `search`, a word that begins so. */
  async find(
    auth: AuthContext,
    search: string,
    filter: MessageFilter,
    range: MessageRange,
  ): Promise<string[]> {
    const wanted = wantedWords(search);
    if (wanted.length === 0) return [];
    const found = await this.database.workerSql(async (query) => {
      await query(PLANNING);
      const scope = { query, auth, filter, wanted, range };
      const progress = await findProgress(query, auth.tenantId);
      const fresh = await findFresh(scope, progress?.uptoId ?? '');
      const isEnough = fresh.length >= range.limit && !isByTime(filter);
      return isEnough || !progress ? fresh : [...fresh, ...(await findOlder(scope, progress))];
    });
    return inOrder(found, filter).slice(0, range.limit);
  }
}

async function findProgress(query: Query, tenantId: string): Promise<Progress | undefined> {
  const [progress] = await query<Progress & object>(
    `SELECT number, upto_id AS "uptoId", indexed::float8 AS indexed FROM search_progress WHERE tenant_id = $1`,
    [tenantId],
  );
  return progress;
}

async function findFresh({ query, auth, filter, wanted, range }: Scope, uptoId: string): Promise<Found[]> {
  const values: unknown[] = visibility(auth);
  const place = placeIn(values);
  const conditions = [`m.id > ${place(uptoId)}`, ...filterConditions(filter, place)];
  if (filter.sessionId !== undefined) conditions.push(`m.session_id = ${place(filter.sessionId)}`);
  if (range.after) conditions.push(behind(filter, range.after, place));
  const rows = await query<Found & { content: MessageContent }>(
    `SELECT m.id, m.occurred_at AS at, m.content FROM messages m
     JOIN sessions s ON s.tenant_id = m.tenant_id AND s.id = m.session_id
     WHERE m.tenant_id = $1 AND ${VISIBLE} AND ${conditions.join(' AND ')}
     ORDER BY m.id DESC LIMIT ${String(MOST_FRESH)}`,
    values,
  );
  return rows.filter(({ content }) => isFound(wordsOf(searchableText(content)), wanted));
}

/** With further filters, the way that leads past fewer messages: from the words to the filters, or back. */
async function findOlder(scope: Scope, progress: Progress): Promise<Found[]> {
  const { filter, range, auth } = scope;
  const { sessionId: _, ...others } = filter;
  const newest = await newestBlock(
    scope.query,
    auth.tenantId,
    isByTime(filter) ? undefined : range.after,
    progress,
  );
  const all: Blocks = { from: newest, to: 0 };
  if (Object.values(others).every((value) => value === undefined))
    return findIndexed(scope, progress, all, false);

  const perBlock = Math.max(1, await countIn(scope, progress, Math.max(0, newest - 1)));
  const holders = perBlock * (newest + 1);
  let byWords = holders;
  if (!isByTime(filter) && !filter.chatIds) {
    const to = Math.max(0, newest - Math.floor(SAMPLE / perBlock));
    const sample = await findIndexed(scope, progress, { from: newest, to, most: SAMPLE }, true);
    if (sample.length >= range.limit) return sample;
    if (sample.length > 0) byWords = Math.min(holders, (SAMPLE * range.limit) / sample.length);
  }
  // A chat is small beside what its tenant says.
  const byFilters = filter.chatIds ? 0 : (BLOCK_SIZE * range.limit) / perBlock;
  const scanned = byFilters < byWords ? await scan(scope, progress, Math.max(byWords, CHUNK)) : undefined;
  return scanned ?? findIndexed(scope, progress, all, true);
}

/** How many messages of a block hold the words. */
async function countIn({ query, wanted }: Scope, { number }: Progress, block: number): Promise<number> {
  const [row] = await query<{ count: number }>(
    `SELECT count(*)::int AS count FROM message_search x WHERE x.terms @@ replace($1, '#', $2::text)::tsquery`,
    [toQuery(number, wanted), block],
  );
  return row?.count ?? 0;
}

/** Looks for the words in what fits the filters, newest first; undefined when `most` of them were not enough. */
async function scan(scope: Scope, progress: Progress, most: number): Promise<Found[] | undefined> {
  const { limit } = scope.range;
  const found: Found[] = [];
  let { after } = scope.range;
  for (let looked = 0; looked <= most; looked += CHUNK) {
    const chunk = await scanChunk({ ...scope, range: { limit: CHUNK, after } }, progress);
    found.push(...chunk.found);
    if (found.length >= limit || chunk.looked < CHUNK || !chunk.last) return found;
    after = chunk.last;
  }
  return undefined;
}

async function scanChunk({ query, auth, filter, wanted, range }: Scope, progress: Progress) {
  const values: unknown[] = visibility(auth);
  const place = placeIn(values);
  const page = pageQuery(filter, range, place);
  const at = isByTime(filter) ? 'page.occurred_at' : EPOCH;
  const rows = await query<{ id: string; at: Date; isFound: boolean }>(
    `WITH page AS MATERIALIZED (${page})
     SELECT page.id, ${at} AS at,
       x.terms @@ replace(${place(toQuery(progress.number, wanted))}, '#', x.block::text)::tsquery AS "isFound"
     FROM page LEFT JOIN message_search x ON x.tenant_id = $1 AND x.message_id = page.id
     ORDER BY ${orderOf(filter, 'page')}`,
    values,
  );
  const last = rows.at(-1);
  return {
    looked: rows.length,
    found: rows.filter(({ isFound: is }) => is),
    last: last && { id: last.id, occurredAt: last.at },
  };
}

interface Blocks {
  /** The newest, which is the first. */
  from: number;
  to: number;
  /** Of each, the newest messages that hold the words; all of them unless told. */
  most?: number;
}

/**
 * Block by block from the newest, until there are enough; by time through all of them, as a block may hold messages of
 * any time. OFFSET 0 keeps the planner to this order: the words, the newest of those that hold them, the filters.
 */
async function findIndexed(
  scope: Scope,
  progress: Progress,
  { from, to, most }: Blocks,
  isFiltered: boolean,
): Promise<Found[]> {
  const { query, auth, filter, wanted, range } = scope;
  const { after, limit } = range;
  const byTime = isByTime(filter);
  const values: unknown[] = [
    auth.tenantId,
    await listSessions(scope),
    toQuery(progress.number, wanted),
    from,
    to,
  ];
  const place = placeIn(values);
  const conditions = ['m.tenant_id = $1', 'm.id = said.id', ...filterConditions(filter, place)];
  if (byTime && after) conditions.push(behind(filter, after, place));
  const before = after && !byTime ? `AND x.id < ${place(after.id)}` : '';
  const filtered = `CROSS JOIN LATERAL (SELECT m.occurred_at FROM messages m WHERE ${conditions.join(' AND ')} OFFSET 0) m`;
  const count = place(limit);
  return query<Found & object>(
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

async function listSessions({ query, auth, filter }: Scope): Promise<string[]> {
  const rows = await query<{ id: string }>(
    `SELECT s.id FROM sessions s WHERE s.tenant_id = $1 AND ${VISIBLE} AND ($4::text IS NULL OR s.id = $4)`,
    [...visibility(auth), filter.sessionId ?? null],
  );
  return rows.map((row) => row.id);
}

async function newestBlock(
  query: Query,
  tenantId: string,
  after: MessageRange['after'],
  { indexed }: Progress,
): Promise<number> {
  if (!after) return Math.floor(indexed / BLOCK_SIZE);
  const [row] = await query<{ block: number }>(
    `SELECT block FROM message_search WHERE tenant_id = $1 AND message_id <= $2 ORDER BY message_id DESC LIMIT 1`,
    [tenantId, after.id],
  );
  return row?.block ?? 0;
}

/** Each once: one may have been indexed between the two looks. */
function inOrder(found: readonly Found[], filter: MessageFilter): string[] {
  const byTime = isByTime(filter);
  const rows = [...new Map(found.map((one) => [one.id, one])).values()];
  const ids = (a: Found, b: Found) => (a.id < b.id ? 1 : -1);
  rows.sort((a, b) => (byTime ? b.at.getTime() - a.at.getTime() || ids(a, b) : ids(a, b)));
  return rows.map(({ id }) => id);
}
