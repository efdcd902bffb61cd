import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { ALONE_FOLDERS } from '../support/test-projects.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TEST_CODE = /^test\/|^apps\/[^/]+\/test\/|\.test\.ts$/;
const OWN_PASSWORD = /freshDatabase\([^]*\.password = /;
const RELATIVE_IMPORT = /(?:from|import\()\s*'(\.{1,2}\/[^']+)\.js'/g;
/** What starts browsers. */
const BROWSERS = [
  'apps/session-node/test/support/node-harness.ts',
  'apps/simulator/test/plain-library.ts',
  'test/support/stack.ts',
];

const isAlone = (path: string) => ALONE_FOLDERS.some((folder) => path.startsWith(`${folder}/`));

/** The file, and the test code it imports, directly or not. */
async function reachedFrom(path: string, reached = new Map<string, string>()): Promise<Map<string, string>> {
  if (reached.has(path) || !TEST_CODE.test(path) || !existsSync(join(ROOT, path))) return reached;
  const source = await readFile(join(ROOT, path), 'utf8');
  reached.set(path, source);
  for (const [, imported = ''] of source.matchAll(RELATIVE_IMPORT))
    await reachedFrom(join(dirname(path), `${imported}.ts`), reached);
  return reached;
}

describe('test files that run beside others', () => {
  let together: [string, Map<string, string>][];

  beforeAll(async () => {
    const folders = ['apps', 'libs', 'scripts', 'test'].map((folder) => join(ROOT, folder));
    const entries = await Promise.all(
      folders.map((folder) => readdir(folder, { recursive: true, withFileTypes: true })),
    );
    const paths = entries.flat().map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
    const tests = paths.filter((path) => path.endsWith('.test.ts') && !isAlone(path));
    together = await Promise.all(
      tests.map(async (path): Promise<[string, Map<string, string>]> => [path, await reachedFrom(path)]),
    );
  });

  it.each([
    ['starts a browser', (path: string) => BROWSERS.includes(path)],
    ['takes a port of its own choice', (_: string, source: string) => /\.listen\([1-9]/.test(source)],
    ['writes to a place of its own choice', (_: string, source: string) => /['"`]\/tmp\//.test(source)],
    [
      'gives the role that all share a password of its own',
      (_: string, source: string) => OWN_PASSWORD.test(source),
    ],
  ])('%s: none', (_, isForbidden) => {
    expect(together.length).toBeGreaterThan(50);
    for (const path of BROWSERS) expect(existsSync(join(ROOT, path)), path).toBe(true);
    const offenders = together.filter(([, reached]) =>
      [...reached].some(([path, source]) => isForbidden(path, source)),
    );
    expect(offenders.map(([path]) => path)).toEqual([]);
  });
});
