import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { PrepareError, run, timed } from './steps.mjs';

const BUILD_TIMEOUT_MS = 10 * 60_000;
const SOURCE_FOLDERS = ['apps', 'libs', 'scripts/launcher'];
/** What tsconfig.build.json takes of them. */
const SOURCES = /^(?:(?:apps|libs)\/[^/]+\/src|scripts\/launcher)\/(?!.*\.test\.ts$)/;
const SETTINGS = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
const PAGE_BUNDLERS = [
  { what: 'the simulator page', program: 'apps/simulator/src/page-bundle' },
  { what: 'the script for WhatsApp Web', program: 'apps/session-node/src/drivers/webjs/page-bundle' },
];

async function listFiles(folder) {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch((error) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

/** @returns {Promise<{ hash: string, files: string[] }>} everything the build reads, by content */
async function readSources(root) {
  const folders = await Promise.all(SOURCE_FOLDERS.map((folder) => listFiles(join(root, folder))));
  const files = folders
    .flat()
    .filter((path) => SOURCES.test(relative(root, path)))
    .sort();
  const hash = createHash('sha256').update(process.versions.node.split('.')[0]);
  for (const path of [...files, ...SETTINGS.map((name) => join(root, name))]) {
    hash
      .update(relative(root, path))
      .update('\0')
      .update(await readFile(path))
      .update('\0');
  }
  return { hash: hash.digest('hex'), files: files.map((path) => relative(root, path)) };
}

async function readStamp(path) {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function runStep(root, name, args) {
  const { code, output } = await run(process.execPath, args, { cwd: root, timeoutMs: BUILD_TIMEOUT_MS });
  if (code !== 0)
    throw new PrepareError(
      `${name} failed:\n${output.trim()}`,
      'Mend the errors above and run: npm run build',
    );
}

/**
 * Compiles apps and libs into dist/ and bundles the scripts that run in pages, unless nothing changed since the last build.
 * @param {string} root
 */
export async function ensureBuild(root) {
  const dist = join(root, 'dist');
  const stampPath = join(dist, '.build.json');
  const [sources, stamp] = await Promise.all([readSources(root), readStamp(stampPath)]);
  if (stamp?.hash === sources.hash) return;
  await timed('building', async () => {
    const present = new Set(sources.files);
    // A source that went away must not live on as its old output.
    if (!stamp || stamp.files.some((path) => !present.has(path)))
      await rm(dist, { recursive: true, force: true });
    await mkdir(dist, { recursive: true });
    await rm(stampPath, { force: true });
    await runStep(root, 'The TypeScript build', [
      'node_modules/typescript/bin/tsc',
      '-p',
      'tsconfig.build.json',
    ]);
    for (const { what, program } of PAGE_BUNDLERS) {
      if (present.has(`${program}.ts`)) await runStep(root, `Bundling ${what}`, [`dist/${program}.js`]);
    }
    await writeFile(stampPath, JSON.stringify({ hash: sources.hash, files: sources.files }));
  });
}
