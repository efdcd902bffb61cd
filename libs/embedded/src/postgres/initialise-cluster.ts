import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { RunAs } from '../process/run-as.js';
import type { ClusterFolder } from './cluster-folder.js';

export const SUPERUSER = 'postgres';
const INITDB_TIMEOUT_MS = 120_000;

const runProgram = promisify(execFile);

async function writePassword(file: string): Promise<string> {
  const password = randomBytes(24).toString('hex');
  await writeFile(`${file}.new`, password, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return password;
}

async function hasFiles(folder: string): Promise<boolean> {
  return existsSync(folder) && (await readdir(folder)).length > 0;
}

async function runInitdb(
  initdb: string,
  folder: string,
  password: string,
  runAs: RunAs | undefined,
): Promise<void> {
  const passwordFile = join(folder, 'password');
  const draft = join(folder, 'cluster');
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (runAs) {
    await chown(passwordFile, runAs.uid, runAs.gid);
    await chown(folder, runAs.uid, runAs.gid);
  }
  const args = ['-D', draft, '-U', SUPERUSER, '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  args.push('--locale=C', '--encoding=UTF8', '--no-sync', '--no-instructions');
  const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
  await runProgram(initdb, args, { ...runAs, env, cwd: folder, timeout: INITDB_TIMEOUT_MS });
}

/**
 * Makes the cluster when there is none: C locale, UTF-8, password logins only. Made under a passing name and
 * renamed at the end, so a killed initdb leaves nothing that looks like a cluster.
 * @returns the superuser's password
 */
export async function initialiseCluster(
  initdb: string,
  { cluster, passwordFile }: ClusterFolder,
  runAs: RunAs | undefined,
): Promise<string> {
  if (await hasFiles(cluster)) return (await readFile(passwordFile, 'utf8')).trim();
  const draft = `${cluster}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft);
  await chmod(draft, 0o711);
  const password = await writePassword(passwordFile);
  await runInitdb(initdb, draft, password, runAs);
  if (existsSync(cluster)) await rmdir(cluster);
  await rename(join(draft, 'cluster'), cluster);
  await rm(draft, { recursive: true });
  return password;
}
