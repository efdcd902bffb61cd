import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const HERE = dirname(fileURLToPath(import.meta.url));
const SOURCE = join(HERE, 'page', 'main.ts');
const COMPILED = join(HERE, 'page', 'main.js');
/** Where the build puts the bundle: `dist/apps/session-node/page.js`. */
const BUILT = join(HERE, '..', '..', '..', 'page.js');

/** The script that runs inside WhatsApp Web: bundled now when this runs from source, else what the build wrote. */
export async function loadPageScript(): Promise<string> {
  if (existsSync(SOURCE)) return bundle(SOURCE);
  return existsSync(BUILT) ? readFile(BUILT, 'utf8') : bundle(COMPILED);
}

/** Writes the bundle for a build without sources. */
export async function writePageBundle(outFile: string): Promise<void> {
  const script = await bundle(existsSync(SOURCE) ? SOURCE : COMPILED);
  await mkdir(dirname(outFile), { recursive: true });
  await writeFile(outFile, script);
}

async function bundle(entry: string): Promise<string> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'chrome120',
    platform: 'browser',
    logLevel: 'silent',
    tsconfigRaw: { compilerOptions: { target: 'es2022' } },
  });
  const output = result.outputFiles[0];
  if (!output) throw new Error('esbuild gave no output for the page script');
  return output.text;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writePageBundle(BUILT);
