import { Injectable } from '@nestjs/common';
import type { MessageContent } from '#contracts';
import { Database, planByAverages, type Query } from '#database';
import type { AuthContext } from '../../auth/index.js';
import {
  behind,
  filterConditions,
  isByTime,
  placeIn,
  visibility,
  VISIBLE,
  type MessageFilter,
  type MessageRange,
  type Place,
} from '../message-list.js';
import { isOfFew, isScattered, MessageScan } from './message-scan.js';
import { byNewest, byNewestId, type FoundMessage, type SearchScope } from './search-scope.js';
import { BLOCK_SIZE, says, wantedWords } from './search-terms.js';
import { WordIndex, type IndexProgress } from './word-index.js';

/** Newest messages that are not in the index yet and are looked through one by one; more only when it lags behind. */
const MOST_FRESH = 1_000;
/** Messages that moved in time and are looked through one by one; with more, a search by time goes through all blocks. */
const MOST_MOVED = 1_000;
/** Messages with the words that are looked at to learn how many of them fit the other filters: each is a look-up. */
const SAMPLE = 300;
/** Where few messages fit the filters, so many of them are looked through before the words are counted. */
const MOST_AT_FIRST = 4_000;
/** And so many, however rare the words are, while the index lags behind. */
const MOST_WHILE_BEHIND = 50_000;
/** Blocks by time that overlap with the newest, so that the search goes on to them. */
const MORE_BLOCKS = 2;
/** Looking a message up in the index takes as long as looking through so many where an index leads to them. */
const LOOKS_PER_LOOKUP = 2;

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
      await planByAverages(query);
      const scope = { query, auth, filter, wanted, range };
      const scan = new MessageScan(scope);
      if (isOfFew(filter) && (await scan.goOn(MOST_AT_FIRST))) return scan.found;
      const progress = await findProgress(query, auth.tenantId);
      const { fresh, isAll } = await findFresh(scope, progress?.uptoId ?? '');
      if (fresh.length >= range.limit && !isByTime(filter)) return fresh;
      if (!isAll && isOfFew(filter) && (await scan.goThrough(MOST_WHILE_BEHIND))) return scan.found;
      if (!progress) return [...fresh, ...scan.found];
      // Before the blocks are looked up: what no longer moves then has been counted in with its block.
      const moved = await findMoved(scope);
      const older = await findOlder(scope, await WordIndex.open(scope, progress, !moved.isAll), scan);
      return [...fresh, ...moved.found, ...scan.found, ...older];
    });
    return inOrder(found, filter).slice(0, range.limit);
  }
}

async function findProgress(query: Query, tenantId: string): Promise<IndexProgress | undefined> {
  const [progress] = await query<IndexProgress & object>(
    `SELECT number, upto_id AS "uptoId", indexed::float8 AS indexed, untimed_from IS NULL AS "isTimed"
     FROM search_progress WHERE tenant_id = $1`,
    [tenantId],
  );
  return progress;
}

async function findFresh(
  scope: SearchScope,
  uptoId: string,
): Promise<{ fresh: FoundMessage[]; isAll: boolean }> {
  const { found, looked } = await lookThrough(scope, (place) => `m.id > ${place(uptoId)}`);
  return { fresh: found, isAll: looked < MOST_FRESH };
}

/** Of messages that another time was noted for, and not counted in with their blocks yet, those that fit. */
async function findMoved(scope: SearchScope): Promise<{ found: FoundMessage[]; isAll: boolean }> {
  const { query, auth, filter } = scope;
  if (!isByTime(filter)) return { found: [], isAll: true };
  const noted = await query<{ id: string }>(
    `SELECT message_id AS id FROM search_again WHERE tenant_id = $1 LIMIT ${String(MOST_MOVED + 1)}`,
    [auth.tenantId],
  );
  if (noted.length === 0 || noted.length > MOST_MOVED) return { found: [], isAll: noted.length === 0 };
  const ids = noted.map(({ id }) => id);
  const { found } = await lookThrough(scope, (place) => `m.id = ANY(${place(ids)})`);
  return { found, isAll: true };
}

/** Messages that meet a condition and fit the filters, compared one by one; the newest of them where they are many. */
async function lookThrough(
  { query, auth, filter, wanted, range }: SearchScope,
  condition: (place: Place) => string,
): Promise<{ found: FoundMessage[]; looked: number }> {
  const values: unknown[] = visibility(auth);
  const place = placeIn(values);
  const conditions = [condition(place), ...filterConditions(filter, place)];
  if (filter.sessionId !== undefined) conditions.push(`m.session_id = ${place(filter.sessionId)}`);
  if (range.after) conditions.push(behind(filter, range.after, place));
  const rows = await query<FoundMessage & { content: MessageContent }>(
    `SELECT m.id, m.occurred_at AS at, m.content FROM messages m
     JOIN sessions s ON s.tenant_id = m.tenant_id AND s.id = m.session_id
     WHERE m.tenant_id = $1 AND ${VISIBLE} AND ${conditions.join(' AND ')}
     ORDER BY m.id DESC LIMIT ${String(MOST_FRESH)}`,
    values,
  );
  return { found: rows.filter(({ content }) => says(content, wanted)), looked: rows.length };
}

/** With further filters, the way that leads past fewer messages: from the words to the filters, or back. */
async function findOlder(
  { filter, range }: SearchScope,
  index: WordIndex,
  scan: MessageScan,
): Promise<FoundMessage[]> {
  if (index.blocks.length === 0) return [];
  const { sessionId, from: _from, to: _to, ...others } = filter;
  const isAny = Object.values(others).every((value) => value === undefined);
  if (isAny && !isByTime(filter)) return index.find();

  const perBlock = Math.max(1, await index.countPerBlock());
  const holders = perBlock * index.blocks.length;
  const enough = MORE_BLOCKS + Math.ceil(range.limit / perBlock);
  let byWords = holders;
  if (isByTime(filter)) {
    if (isAny && sessionId === undefined) byWords = Math.min(holders, perBlock * enough);
  } else if (!isOfFew(filter)) {
    const blocks = index.blocks.slice(0, Math.floor(SAMPLE / perBlock) + 1);
    const sample = await index.findAmongNewest(SAMPLE, blocks);
    if (sample.length >= range.limit) return sample;
    if (sample.length > 0) byWords = Math.min(holders, (SAMPLE * range.limit) / sample.length);
  }
  const byFilters = isScattered(filter) ? Infinity : (BLOCK_SIZE * range.limit) / perBlock;
  const most = byWords * (isOfFew(filter) || sessionId !== undefined ? LOOKS_PER_LOOKUP : 1);
  if (byFilters < most && (await scan.goOn(Math.max(most, MOST_AT_FIRST)))) return scan.found;
  return isByTime(filter) ? index.findByTime(enough) : index.findFiltered();
}

/** Each once: one may have been indexed between the two looks. */
function inOrder(found: readonly FoundMessage[], filter: MessageFilter): string[] {
  const rows = [...new Map(found.map((one) => [one.id, one])).values()];
  return rows.toSorted(isByTime(filter) ? byNewest : byNewestId).map(({ id }) => id);
}
