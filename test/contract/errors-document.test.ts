import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { ERROR_STATUS } from '#contracts';

const ROW = /^\| `(?<code>[a-z_]+)` +\| (?<status>\d{3}) +\| (?<meaning>[^|]+) \| (?<remedy>[^|]+) \|$/gm;

describe('docs/errors.md', () => {
  it('has one row for each error code, with its status, a meaning and a remedy', async () => {
    const document = await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8');
    const rows = [...document.matchAll(ROW)].map((match) => match.groups ?? {});
    const documented = rows.map(({ code, status }) => [code, Number(status)]);
    expect(documented.toSorted()).toEqual(Object.entries(ERROR_STATUS).toSorted());
    for (const { meaning, remedy } of rows) {
      expect(meaning?.trim()).not.toBe('');
      expect(remedy?.trim()).not.toBe('');
    }
  });
});
