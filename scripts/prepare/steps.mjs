import { spawn } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The checkout's own folder. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Where `npm start` keeps its data, its secrets and the logins. */
export const dataFolder = resolve(root, process.env.WAGATE_DIR ?? '.wagate');

const LOCK_WAIT_MS = 15 * 60_000;

/** A failure a person can do something about: what is wrong, and the command that mends it. */
export class PrepareError extends Error {
  /** @param {string} message @param {string} [remedy] */
  constructor(message, remedy) {
    super(message);
    this.remedy = remedy;
  }
}

/** @param {string} line */
export function report(line) {
  process.stderr.write(`wagate: ${line}\n`);
}

/**
 * Runs one long step between a line that names it and a line with its time.
 * @template T
 * @param {string} what
 * @param {() => Promise<T>} step
 * @returns {Promise<T>}
 */
export async function timed(what, step) {
  report(`${what} …`);
  const startedAt = performance.now();
  const result = await step();
  report(`${what}: done in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  return result;
}

/**
 * Runs a program to its end and keeps the last part of what it said.
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, timeoutMs: number }} options
 * @returns {Promise<{ code: number | null, output: string }>} `code` is null when it could not start or was killed
 */
export function run(program, args, { cwd, env, timeoutMs }) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-20_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ code: null, output: `${output}${error.message}` });
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, output });
    });
  });
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Takes the lock when it is free or when its holder is gone. */
async function takeLock(path) {
  try {
    await writeFile(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  const holder = Number(await readFile(path, 'utf8').catch(() => ''));
  if (holder > 0 && !isAlive(holder)) await rm(path, { force: true });
  return false;
}

/**
 * Keeps two commands started together in one checkout from installing or building over each other.
 * @template T
 * @param {() => Promise<T>} step
 * @returns {Promise<T>}
 */
export async function withPrepareLock(step) {
  const path = join(root, '.wagate', 'prepare.lock');
  await mkdir(dirname(path), { recursive: true });
  const deadline = performance.now() + LOCK_WAIT_MS;
  let told = false;
  while (!(await takeLock(path))) {
    if (!told) report('waiting for another wagate command that is preparing this checkout …');
    told = true;
    if (performance.now() > deadline) {
      throw new PrepareError('Another command has been preparing this checkout for too long.', `rm ${path}`);
    }
    await delay(200);
  }
  try {
    return await step();
  } finally {
    await rm(path, { force: true });
  }
}
