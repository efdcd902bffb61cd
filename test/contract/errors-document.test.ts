import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { ERROR_STATUS } from '#contracts';
import { MESSAGE_ERRORS } from '../../apps/api/src/messages/message-resource.js';

const ROW = /^\| `(?<code>[a-z_]+)` +\| (?<status>\d{3}) +\| (?<meaning>[^|]+) \| (?<remedy>[^|]+) \|$/gm;
const ROW_OF_MESSAGES =
  /^\| `(?<code>[a-z_]+)` +\| `(?<status>failed|expired)` +\| (?<meaning>[^|]+) \| (?<remedy>[^|]+) \|$/gm;

async function rowsOf(pattern: RegExp): Promise<Record<string, string>[]> {
  const document = await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  return [...document.matchAll(pattern)].map((match) => match.groups ?? {});
}

describe('docs/errors.md', () => {
  it('has one row for each error code, with its status, a meaning and a remedy', async () => {
    const rows = await rowsOf(ROW);
    const documented = rows.map(({ code, status }) => [code, Number(status)]);
    expect(documented.toSorted()).toEqual(Object.entries(ERROR_STATUS).toSorted());
    for (const { meaning, remedy } of rows) {
      expect(meaning?.trim()).not.toBe('');
      expect(remedy?.trim()).not.toBe('');
    }
  });

  it('has one row for each code that an accepted message can fail with', async () => {
    const rows = await rowsOf(ROW_OF_MESSAGES);
    expect(rows.map(({ code }) => code).toSorted()).toEqual(Object.keys(MESSAGE_ERRORS).toSorted());
    for (const { code, status, meaning, remedy } of rows) {
      expect(status).toBe(code === 'expired' ? 'expired' : 'failed');
      expect(meaning?.trim()).not.toBe('');
      expect(remedy?.trim()).not.toBe('');
    }
  });
});
