import { existsSync } from 'node:fs';
import {
  chmod,
  chown,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  realpath,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { canEnter, type RunAs } from '../process/run-as.js';
import { SYSTEM_FOLDER } from './postgres-binaries.js';

/** The files of one embedded server, below the folder that the caller named. */
export interface ClusterFolder {
  /** PGDATA: real path, 0700, owned by the account that runs Postgres; may not exist yet. */
  cluster: string;
  /** The superuser's password, 0600. */
  passwordFile: string;
  /** Who started the running server. */
  launcherFile: string;
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/**
 * Postgres' account cannot enter a 0700 checkout, and wants its data where it can. The data then lies in a folder
 * of the system, and `cluster` in the caller's folder is a link to it.
 */
async function placeInSystemFolder(link: string): Promise<void> {
  await mkdir(SYSTEM_FOLDER, { recursive: true });
  await chmod(SYSTEM_FOLDER, 0o755);
  const folder = await mkdtemp(join(SYSTEM_FOLDER, 'data-'));
  await chmod(folder, 0o711);
  const cluster = join(folder, 'cluster');
  if (existsSync(link)) {
    await cp(link, cluster, { recursive: true, preserveTimestamps: true });
    await rm(link, { recursive: true });
  } else {
    await rm(link, { force: true }); // a link whose target is gone
    await mkdir(cluster);
  }
  await symlink(cluster, link);
}

/** Finds or makes the place of a server's files, where the account that will run it can reach them. */
export async function openClusterFolder(dataDir: string, runAs: RunAs | undefined): Promise<ClusterFolder> {
  await mkdir(dataDir, { recursive: true });
  const link = join(dataDir, 'cluster');
  if (runAs) {
    await chmod(dataDir, 0o711);
    const holder = existsSync(link) ? dirname(await realpath(link)) : dataDir;
    const dangling = (await exists(link)) && !existsSync(link);
    if (dangling || !canEnter(holder, runAs)) await placeInSystemFolder(link);
  } else if (await exists(link)) {
    const { uid } = await stat(link);
    if (uid !== process.getuid?.())
      throw new Error(`${link} belongs to another user (uid ${uid}); remove it or start as that user`);
  }
  const cluster = existsSync(link) ? await realpath(link) : link;
  const holder = dirname(cluster);
  return {
    cluster,
    passwordFile: join(holder, 'password'),
    launcherFile: join(holder, 'launcher.json'),
  };
}

/** Gives a folder and all in it to an account. */
export async function giveTo(folder: string, runAs: RunAs | undefined): Promise<void> {
  if (!runAs) return;
  if ((await stat(folder)).uid === runAs.uid) return;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    await chown(join(entry.parentPath, entry.name), runAs.uid, runAs.gid);
  }
  // Last, so that an interrupted change of hands is seen and done again.
  await chown(folder, runAs.uid, runAs.gid);
}

/** Removes a stopped server's files, wherever they lie. */
export async function removeClusterFolder(dataDir: string): Promise<void> {
  const link = join(dataDir, 'cluster');
  if (existsSync(link)) {
    const holder = dirname(await realpath(link));
    if (holder.startsWith(`${SYSTEM_FOLDER}/data-`)) await rm(holder, { recursive: true, force: true });
  }
  await rm(dataDir, { recursive: true, force: true });
}
