import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

/** Where series are made; a feature adds its own to the registry of its process. */
const SOURCES = [
  'apps/api/src/health/metrics.ts',
  'apps/api/src/health/installation-figures.ts',
  'apps/api/src/retention/retention-worker.ts',
  'apps/session-node/src/node-metrics.ts',
];

const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
const seriesIn = (text: string) => new Set(text.match(/\bwagate_[a-z_]+\b/g));

it('names every series that api and node tell, and no other, in docs/monitoring.md', async () => {
  const made = new Set((await Promise.all(SOURCES.map(read))).flatMap((text) => [...seriesIn(text)]));
  expect(made.size).toBeGreaterThan(10);
  const document = seriesIn(await read('docs/monitoring.md'));
  expect([...made].filter((name) => !document.has(name))).toEqual([]);
  expect([...document].filter((name) => !made.has(name))).toEqual([]);
});
