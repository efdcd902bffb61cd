import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const HERE = dirname(fileURLToPath(import.meta.url));
const SOURCE = join(HERE, 'page', 'main.ts');
/** Where the build puts the bundle: `dist/apps/simulator/page.js`, beside the compiled `src`. */
const BUILT = join(HERE, '..', 'page.js');

/** The page's script: bundled now when this runs from source, else what the build wrote. */
export async function loadPageScript(): Promise<string> {
  if (existsSync(SOURCE)) return bundle(SOURCE);
  if (existsSync(BUILT)) return readFileSync(BUILT, 'utf8');
  return bundle(join(HERE, 'page', 'main.js'));
}

/** Writes the bundle for a build without sources. */
export async function writePageBundle(outFile: string): Promise<void> {
  const script = await bundle(existsSync(SOURCE) ? SOURCE : join(HERE, 'page', 'main.js'));
  mkdirSync(dirname(outFile), { recursive: true });
  writeFileSync(outFile, script);
}

async function bundle(entry: string): Promise<string> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'chrome120',
    platform: 'browser',
    keepNames: false,
    logLevel: 'silent',
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: false, target: 'es2022' } },
  });
  const output = result.outputFiles[0];
  if (output === undefined) throw new Error('esbuild gave no output for the page');
  return output.text;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writePageBundle(BUILT);
