/**
 * Makes a fresh clone ready to run: packages, a browser, a build. Needs nothing but Node itself, does only
 * what is missing, and says what it does.
 *
 * `node scripts/prepare.mjs` on its own; `npm start` and `npm test` call `prepare()` first.
 */
import { fileURLToPath } from 'node:url';
import { ensureBrowser } from './prepare/browser.mjs';
import { ensureBuild } from './prepare/build.mjs';
import { ensurePackages } from './prepare/packages.mjs';
import { PrepareError, report, root, withPrepareLock } from './prepare/steps.mjs';

const OLDEST_NODE = [20, 19];

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new PrepareError(
    `Node ${OLDEST_NODE.join('.')} or newer is needed, this is ${process.versions.node}.`,
    'Install a current Node, for example with: nvm install',
  );
}

/**
 * @returns {Promise<{ chromePath: string }>} the browser that was found
 * @throws {PrepareError} with what to do about it
 */
export async function prepare() {
  checkNode();
  return withPrepareLock(async () => {
    await ensurePackages(root);
    const chromePath = await ensureBrowser(root);
    await ensureBuild(root);
    return { chromePath };
  });
}

/** Packages and dist/ only: for commands that start no browser. */
export async function prepareBuild() {
  checkNode();
  await withPrepareLock(async () => {
    await ensurePackages(root);
    await ensureBuild(root);
  });
}

/**
 * Runs a step; on a known failure prints what to do and ends the process with code 1.
 * @template T
 * @param {() => Promise<T>} step
 * @returns {Promise<T>}
 */
export async function orExit(step) {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof PrepareError)) throw error;
    report(error.message);
    if (error.remedy) report(error.remedy);
    process.exit(1);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { chromePath } = await orExit(prepare);
  report(`ready (browser: ${chromePath})`);
}
