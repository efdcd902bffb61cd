import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { PrepareError, run, timed } from './steps.mjs';

const INSTALL_TIMEOUT_MS = 15 * 60_000;
const ATTEMPTS = 3;

/** @returns {Promise<Record<string, { version?: string, integrity?: string, optional?: boolean, peer?: boolean }>>} */
async function lockedPackages(path) {
  try {
    return JSON.parse(await readFile(path, 'utf8')).packages ?? {};
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return {};
    throw error;
  }
}

/**
 * Whether node_modules holds what package-lock.json asks for. npm writes node_modules/.package-lock.json as the
 * last act of an install, so a half-done install never matches, and a later `npm install x` still does.
 * @param {string} root
 */
export async function packagesMatchLock(root) {
  const wanted = await lockedPackages(join(root, 'package-lock.json'));
  const present = await lockedPackages(join(root, 'node_modules', '.package-lock.json'));
  const same = (path) =>
    wanted[path]?.version === present[path]?.version && wanted[path]?.integrity === present[path]?.integrity;
  const missing = Object.keys(wanted).filter((path) => path !== '' && !same(path));
  // Packages for other platforms are in the lock file and never on the disk.
  if (missing.some((path) => !wanted[path].optional || path in present)) return false;
  return Object.keys(present).every((path) => path in wanted);
}

/** npm itself: the one that runs us, else the one on the PATH. */
function npmCommand() {
  const path = process.env.npm_execpath;
  if (path && basename(path).startsWith('npm')) return { program: process.execPath, args: [path] };
  return { program: process.platform === 'win32' ? 'npm.cmd' : 'npm', args: [] };
}

/**
 * Installs exactly what the lock file says, with no install scripts (none of our packages needs one).
 * @param {string} root
 */
export async function ensurePackages(root) {
  if (await packagesMatchLock(root)) return;
  const npm = npmCommand();
  const args = ['ci', '--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund'];
  const env = { ...process.env, PUPPETEER_SKIP_DOWNLOAD: '1' };
  await timed('installing packages (npm ci)', async () => {
    let last = { code: null, output: '' };
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      last = await run(npm.program, [...npm.args, ...args], {
        cwd: root,
        env,
        timeoutMs: INSTALL_TIMEOUT_MS,
      });
      if (last.code === 0) return;
    }
    throw new PrepareError(
      `npm ci failed:\n${last.output.trim()}`,
      'Check the network and the npm registry setting, then run: npm ci --ignore-scripts',
    );
  });
}
