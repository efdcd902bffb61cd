import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './steps.mjs';

async function sources(folder) {
  const files = await readdir(join(root, folder), { recursive: true });
  return files
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => join(root, folder, name));
}

/**
 * Compiles a folder of test/ and test/support beside the built programs, file by file and not bundled, as it runs the
 * programs in dist/ and imports the simulator from there; then runs its main.ts with this process' arguments and ends
 * with its exit code.
 */
export async function runTestProgram(folder, chromePath) {
  const { build } = await import('esbuild');
  await build({
    entryPoints: [...(await sources(folder)), ...(await sources('test/support'))],
    outbase: root,
    outdir: join(root, 'dist'),
    bundle: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'warning',
  });
  const program = join(root, 'dist', folder, 'main.js');
  const child = spawn(process.execPath, ['--enable-source-maps', program, ...process.argv.slice(2)], {
    cwd: root,
    env: { ...process.env, CHROME_PATH: chromePath },
    stdio: 'inherit',
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
}
