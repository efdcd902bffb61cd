/**
 * `npm run faults -- <what> [options]`: prepares the checkout, compiles test/faults beside the built programs and runs
 * it (`npm run faults -- history --seed 1 --minutes 10 --sessions 3`; without a name it tells what there is).
 */
import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { orExit, prepare } from './prepare.mjs';
import { root } from './prepare/steps.mjs';

const { chromePath } = await orExit(prepare);
const { build } = await import('esbuild');

async function sources(folder) {
  const files = await readdir(join(root, folder), { recursive: true });
  return files
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => join(root, folder, name));
}

// File by file, not bundled: it runs the programs in dist/ and imports the simulator from there.
await build({
  entryPoints: [...(await sources('test/faults')), ...(await sources('test/support'))],
  outbase: root,
  outdir: join(root, 'dist'),
  bundle: false,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: 'inline',
  logLevel: 'warning',
});
const program = join(root, 'dist/test/faults/main.js');
const child = spawn(process.execPath, ['--enable-source-maps', program, ...process.argv.slice(2)], {
  cwd: root,
  env: { ...process.env, CHROME_PATH: chromePath },
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
