import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const HERE = dirname(fileURLToPath(import.meta.url));

/** `page`: our WhatsApp Web. `control-page`: what people see at the control API's address. */
type BrowserScript = 'page' | 'control-page';

/** Our WhatsApp Web as one script. */
export function loadPageScript(): Promise<string> {
  return loadScript('page');
}

export function loadControlPageScript(): Promise<string> {
  return loadScript('control-page');
}

/** Writes our WhatsApp Web as one script. */
export function writePageBundle(outFile: string): Promise<void> {
  return writeScript('page', outFile);
}

/** Bundled now when this runs from source, else what the build wrote beside the compiled `src`. */
async function loadScript(name: BrowserScript): Promise<string> {
  if (existsSync(sourceOf(name))) return bundle(name);
  const built = builtFile(name);
  return existsSync(built) ? readFileSync(built, 'utf8') : bundle(name);
}

async function writeScript(name: BrowserScript, outFile: string): Promise<void> {
  const script = await bundle(name);
  mkdirSync(dirname(outFile), { recursive: true });
  writeFileSync(outFile, script);
}

function sourceOf(name: BrowserScript): string {
  return join(HERE, name, 'main.ts');
}

function builtFile(name: BrowserScript): string {
  return join(HERE, '..', `${name}.js`);
}

async function bundle(name: BrowserScript): Promise<string> {
  const source = sourceOf(name);
  const result = await build({
    entryPoints: [existsSync(source) ? source : join(HERE, name, 'main.js')],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'chrome120',
    platform: 'browser',
    logLevel: 'silent',
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: false, target: 'es2022' } },
  });
  const output = result.outputFiles[0];
  if (output === undefined) throw new Error(`esbuild gave no output for ${name}`);
  return output.text;
}

/** The build's last step: `node dist/apps/simulator/src/page-bundle.js`. */
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of ['page', 'control-page'] as const) await writeScript(name, builtFile(name));
}
