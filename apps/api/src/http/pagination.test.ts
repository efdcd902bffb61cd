import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAppError } from '#kernel';
import { pageQuerySchema, readPage, toPage, type Page } from './pagination.js';

const ID = /^\d{6}$/;
const allRows = (count: number) =>
  Array.from({ length: count }, (_, i) => String(count - i).padStart(6, '0'));

/** A list that is read as a repository would read it: newest first, after a key, limit + 1 at most. */
function readList(rows: string[], query: { limit: number; cursor?: string }): Page<string> {
  const { limit, after } = readPage('things', query, [ID]);
  const rest = after ? rows.filter((row) => row < (after[0] ?? '')) : rows;
  return toPage(
    'things',
    query,
    rest.slice(0, limit + 1),
    (row) => [row],
    (row) => row,
  );
}

describe('pages', () => {
  it('show every row once, in order, whatever the page size, also while newer rows come in', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 120 }),
        fc.integer({ min: 1, max: 100 }),
        fc.nat(3),
        (count, limit, newer) => {
          const rows = allRows(count);
          const seen: string[] = [];
          let cursor: string | undefined;
          do {
            const page = readList(rows, { limit, ...(cursor === undefined ? {} : { cursor }) });
            seen.push(...page.data);
            cursor = page.nextCursor ?? undefined;
            for (let i = 0; i < newer; i += 1) rows.unshift(String(900_000 + rows.length));
          } while (cursor !== undefined);
          expect(seen).toEqual(allRows(count));
        },
      ),
    );
  });

  it('refuse a cursor of another list, of other filters, and anything that is none', () => {
    const { nextCursor } = readList(allRows(5), { limit: 2 });
    const cursor = nextCursor ?? '';
    const refuses = (read: () => unknown) => {
      try {
        read();
        return false;
      } catch (error) {
        return isAppError(error, 'invalid_cursor');
      }
    };
    expect(readPage('things', { limit: 50, cursor }, [ID]).after).toEqual(['000004']);
    expect(refuses(() => readPage('others', { limit: 2, cursor }, [ID]))).toBe(true);
    const filtered = { limit: 2, cursor, status: 'active' };
    expect(refuses(() => readPage('things', filtered, [ID]))).toBe(true);
    expect(refuses(() => readPage('things', { limit: 2, cursor }, [/^x$/]))).toBe(true);
    expect(refuses(() => readPage('things', { limit: 2, cursor }, [ID, ID]))).toBe(true);
    fc.assert(
      fc.property(fc.string(), (text) => refuses(() => readPage('things', { limit: 2, cursor: text }, [ID]))),
    );
    fc.assert(
      fc.property(fc.json(), (json) =>
        refuses(() =>
          readPage('things', { limit: 2, cursor: Buffer.from(json).toString('base64url') }, [ID]),
        ),
      ),
    );
  });

  it('hold 50 rows unless told, 1 to 100 when told', () => {
    expect(pageQuerySchema.parse({})).toEqual({ limit: 50 });
    expect(pageQuerySchema.parse({ limit: '100' })).toEqual({ limit: 100 });
    for (const limit of ['0', '101', '1.5', 'x', ''])
      expect(pageQuerySchema.safeParse({ limit }).success, limit).toBe(false);
  });
});
