import { createHash } from 'node:crypto';
import { z } from 'zod';
import { AppError } from '#kernel';

const LONGEST_CURSOR = 1024;

/** Query fields of every list; add filters with `.extend({…})`. Unknown fields are refused. */
export const pageQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(50).describe('How many at most'),
  cursor: z.string().min(1).max(LONGEST_CURSOR).optional().describe('`nextCursor` of the page before'),
});
export type PageQuery = z.infer<typeof pageQuerySchema>;

/** Schema of a list answer. */
export function pageSchema<T extends z.ZodType>(item: T) {
  return z.object({
    data: z.array(item),
    nextCursor: z
      .string()
      .nullable()
      .describe('Send it as `cursor` for the next page; null on the last page'),
  });
}

/** One page of a list, newest first. */
export interface Page<T> {
  data: T[];
  nextCursor: string | null;
}

/** What a repository needs to read a page: rows after `after` (sort key of the last row seen), `limit` + 1 of them. */
export interface PageRequest {
  limit: number;
  /** Sort key of the last row of the page before; undefined on the first page. */
  after: string[] | undefined;
}

const positionSchema = z.tuple([z.string(), z.array(z.string().max(200)).min(1).max(4)]);

/**
 * Reads `limit` and `cursor` of a list's query. The cursor is bound to the list and to all other fields of the query,
 * so it cannot be carried to another list or other filters.
 * @param keyPatterns one pattern per part of the sort key; a cursor with anything else is refused
 * @throws AppError `invalid_cursor`
 */
export function readPage(list: string, query: PageQuery, keyPatterns: RegExp[]): PageRequest {
  if (query.cursor === undefined) return { limit: query.limit, after: undefined };
  const [binding, key] = decode(query.cursor);
  const fits =
    key.length === keyPatterns.length && keyPatterns.every((pattern, i) => pattern.test(key[i] ?? ''));
  if (binding !== bindingOf(list, query) || !fits) throw invalidCursor();
  return { limit: query.limit, after: key };
}

/**
 * Makes the answer from `limit` + 1 rows at most: the surplus row only tells that there is a next page.
 * @param keyOf sort key of a row, as `readPage` gives it back
 */
export function toPage<Row, Item>(
  list: string,
  query: PageQuery,
  rows: Row[],
  keyOf: (row: Row) => string[],
  toItem: (row: Row) => Item,
): Page<Item> {
  const shown = rows.slice(0, query.limit);
  const last = shown.at(-1);
  const more = rows.length > query.limit && last !== undefined;
  return {
    data: shown.map(toItem),
    nextCursor: more ? encode([bindingOf(list, query), keyOf(last)]) : null,
  };
}

function bindingOf(list: string, query: PageQuery): string {
  const filters = Object.entries(query as Record<string, unknown>)
    .filter(([name, value]) => name !== 'cursor' && name !== 'limit' && value !== undefined)
    .map(([name, value]): [string, unknown] => [name, value instanceof Date ? value.toISOString() : value])
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([list, filters]))
    .digest('base64url')
    .slice(0, 12);
}

function encode(position: z.infer<typeof positionSchema>): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

function decode(cursor: string): z.infer<typeof positionSchema> {
  try {
    return positionSchema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
  } catch (cause) {
    throw invalidCursor(cause);
  }
}

function invalidCursor(cause?: unknown): AppError {
  return new AppError('invalid_cursor', 'the cursor is not one that this list gave for these filters', {
    details: [
      { path: 'cursor', message: 'must be the nextCursor of the page before, with the same filters' },
    ],
    cause,
  });
}
