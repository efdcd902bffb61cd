import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** An account of this machine, by number. */
export interface RunAs {
  uid: number;
  gid: number;
}

/** Accounts with no rights of their own that Linux systems have; the first that exists is taken. */
const UNPRIVILEGED_ACCOUNTS = ['postgres', 'nobody', 'daemon'];

/**
 * The unprivileged account to run Postgres as, which refuses to run as root.
 * @returns undefined when this process is not root and needs no other account
 */
export function findRunAs(): RunAs | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = new Map<string, RunAs>();
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [name, , uid, gid] = line.split(':');
    if (name && Number(uid) > 0) accounts.set(name, { uid: Number(uid), gid: Number(gid) });
  }
  for (const name of UNPRIVILEGED_ACCOUNTS) {
    const account = accounts.get(name);
    if (account) return account;
  }
  throw new Error(
    `Postgres does not run as root and none of these accounts exists: ${UNPRIVILEGED_ACCOUNTS.join(', ')}`,
  );
}

function mayPass(path: string, { uid, gid }: RunAs, bit: 1 | 4): boolean {
  const stat = statSync(path);
  if (stat.uid === uid) return (stat.mode & (bit << 6)) !== 0;
  if (stat.gid === gid) return (stat.mode & (bit << 3)) !== 0;
  return (stat.mode & bit) !== 0;
}

/** Whether the account can enter an existing folder, through all the folders above it. */
export function canEnter(folder: string, account: RunAs): boolean {
  for (let path = resolve(folder); ; path = dirname(path)) {
    if (!mayPass(path, account, 1)) return false;
    if (path === dirname(path)) return true;
  }
}

/** Whether the account can read a file in a folder it can enter. */
export function canRead(file: string, account: RunAs): boolean {
  return canEnter(dirname(file), account) && mayPass(file, account, 4);
}
