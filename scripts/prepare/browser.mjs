import { access, constants, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PrepareError, report, run, timed } from './steps.mjs';

const VERSION_TIMEOUT_MS = 60_000;
const DOWNLOAD_TIMEOUT_MS = 10 * 60_000;
const APT_ATTEMPTS = 3;
const APT_RETRY_MS = 5_000;

const HEADLESS_SHELL = '/usr/lib/chromium/chromium-headless-shell';

/**
 * Real programs before names on the PATH: Debian's and Google's `chromium` on the PATH are shell scripts, which
 * would stand between us and the process group we have to end.
 */
const KNOWN_PATHS = [
  HEADLESS_SHELL,
  '/usr/lib/chromium/chromium',
  '/usr/lib/chromium-browser/chromium-browser',
  '/opt/google/chrome/chrome',
  '/usr/lib64/chromium-browser/chromium-browser',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];
const KNOWN_NAMES = [
  'chromium-headless-shell',
  'chrome-headless-shell',
  'chromium',
  'google-chrome',
  'chrome',
];

const isExecutable = (path) =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

/** What `--version` answers, or why the browser does not run on this machine. */
async function tryBrowser(path) {
  const { code, output } = await run(path, ['--version', '--no-sandbox'], { timeoutMs: VERSION_TIMEOUT_MS });
  return { works: code === 0, output: output.trim() };
}

async function listInstalledByUs(cache) {
  const builds = await readdir(join(cache, 'chrome-headless-shell')).catch((error) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const paths = [];
  for (const build of builds) {
    const folders = await readdir(join(cache, 'chrome-headless-shell', build));
    for (const folder of folders) {
      paths.push(join(cache, 'chrome-headless-shell', build, folder, 'chrome-headless-shell'));
    }
  }
  return paths;
}

/** @returns {Promise<string | undefined>} the first browser that is there and starts */
async function findBrowser(cache) {
  const onPath = (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => KNOWN_NAMES.map((name) => join(folder, name)));
  const ordered = [KNOWN_PATHS[0], ...(await listInstalledByUs(cache)), ...KNOWN_PATHS.slice(1), ...onPath];
  for (const path of ordered) {
    if ((await isExecutable(path)) && (await tryBrowser(path)).works) return path;
  }
  return undefined;
}

/** Debian's own package, with the libraries it needs. */
async function installFromDebian() {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args) =>
    run('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=120', ...args], { env, timeoutMs: DOWNLOAD_TIMEOUT_MS });
  let last = { code: null, output: '' };
  for (let attempt = 1; attempt <= APT_ATTEMPTS; attempt += 1) {
    if (attempt > 1) await delay(APT_RETRY_MS);
    last = await apt('update');
    if (last.code !== 0) continue;
    last = await apt('install', '-y', '--no-install-recommends', 'chromium-headless-shell');
    if (last.code === 0) return true;
  }
  report(`apt-get could not install chromium-headless-shell:\n${last.output.trim().slice(-2_000)}`);
  return false;
}

async function installWithPuppeteer(root, cache) {
  const cli = join(root, 'node_modules', '@puppeteer', 'browsers', 'lib', 'cjs', 'main-cli.js');
  const args = [cli, 'install', 'chrome-headless-shell@stable', '--path', cache];
  const result = await run(process.execPath, args, { cwd: root, timeoutMs: DOWNLOAD_TIMEOUT_MS });
  if (result.code === 0) return;
  const reason = /^Error: .*$/m.exec(result.output)?.[0] ?? result.output.trim().slice(-500);
  report(`puppeteer could not fetch a browser: ${reason}`);
}

async function installBrowser(root, cache) {
  const isDebianRoot =
    process.platform === 'linux' && process.getuid?.() === 0 && (await isExecutable('/usr/bin/apt-get'));
  if (isDebianRoot) {
    const done = await timed('installing chromium-headless-shell (apt-get)', installFromDebian);
    if (done && (await isExecutable(HEADLESS_SHELL))) return;
  }
  await timed('fetching chrome-headless-shell', () => installWithPuppeteer(root, cache));
}

/**
 * CHROME_PATH, else a browser of this machine, else one installed now.
 * @param {string} root
 * @returns {Promise<string>} its path
 */
export async function ensureBrowser(root) {
  const wished = process.env.CHROME_PATH;
  if (wished) {
    const { works, output } = await tryBrowser(wished);
    if (works) return wished;
    throw new PrepareError(`The browser named by CHROME_PATH does not start (${wished}): ${output}`);
  }
  const cache = join(root, '.wagate', 'browsers');
  const found = await findBrowser(cache);
  if (found) return found;
  await installBrowser(root, cache);
  const installed = await findBrowser(cache);
  if (installed) return installed;
  throw new PrepareError(
    'No browser was found and none could be installed.',
    'On Debian or Ubuntu run: sudo apt-get install -y chromium-headless-shell (or chromium); elsewhere install ' +
      'Chrome or Chromium, and name it with CHROME_PATH=/path/to/chrome if it is not found.',
  );
}
