import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const CLI = 'dist/apps/api/src/cli.js';
const TIMEOUT_MS = 30_000;
const run = promisify(execFile);

async function isAccepted(apiUrl: string, key: string): Promise<boolean> {
  const answer = await fetch(`${apiUrl}/api/v1/sessions?limit=1`, {
    headers: { authorization: `Bearer ${key}` },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await answer.body?.cancel();
  return answer.status !== 401;
}

export interface FirstKeyOptions {
  root: string;
  apiUrl: string;
  /** Of an earlier start. */
  knownKey: string | undefined;
  /** The api's settings. */
  env: Record<string, string>;
}

/** The key of an earlier start while it is good, else a new tenant's, made by the command line. */
export async function obtainTestKey({ root, apiUrl, knownKey, env }: FirstKeyOptions): Promise<string> {
  if (knownKey && (await isAccepted(apiUrl, knownKey))) return knownKey;
  const args = [CLI, 'tenant', 'create', '--name', 'My first tenant', '--mode', 'test', '--json'];
  const options = { cwd: root, env: { ...process.env, ...env }, timeout: TIMEOUT_MS };
  const { stdout } = await run(process.execPath, args, options);
  const { key } = JSON.parse(stdout) as { key?: unknown };
  if (typeof key !== 'string' || !key.startsWith('wg_test_')) throw new Error('no test key was made');
  return key;
}
