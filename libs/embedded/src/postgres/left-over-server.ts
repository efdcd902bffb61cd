import { realpathSync } from 'node:fs';
import { readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProcess, isProcessAlive, type ProcessIdentity } from '../process/process-identity.js';
import { stopProcess, type StopStep } from '../process/stop-process.js';
import type { ClusterFolder } from './cluster-folder.js';

/**
 * SIGINT: fast shutdown, running transactions are rolled back. SIGQUIT: at once, the next start recovers from the
 * log. Source: PostgreSQL manual, "Shutting Down the Server".
 */
export const POSTGRES_STOP: readonly StopStep[] = [
  { signal: 'SIGINT', graceMs: 15_000 },
  { signal: 'SIGQUIT', graceMs: 10_000 },
  { signal: 'SIGKILL', graceMs: 5_000, group: true },
];

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The server that runs on this cluster. postmaster.pid may name a number that another program has by now. */
async function findServer(cluster: string): Promise<ProcessIdentity | undefined> {
  const pidFile = await readIfThere(join(cluster, 'postmaster.pid'));
  const pid = Number(pidFile?.split('\n')[0]);
  const found = pid > 0 ? findProcess(pid) : undefined;
  if (!found || process.platform !== 'linux') return found;
  // A server's working directory is its cluster.
  const workingFolder = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  return workingFolder === realpathSync(cluster) ? found : undefined;
}

/**
 * Stops a server that a killed process left behind on this cluster.
 * @throws Error when the process that started it is alive: the cluster is in use
 */
export async function stopLeftOverServer({ cluster, launcherFile }: ClusterFolder): Promise<void> {
  const server = await findServer(cluster);
  const launcherText = await readIfThere(launcherFile);
  if (server && launcherText) {
    const launcher = JSON.parse(launcherText) as ProcessIdentity;
    if (isProcessAlive(launcher)) throw new Error(`${cluster} is in use by process ${launcher.pid}`);
  }
  if (server) await stopProcess(server, POSTGRES_STOP);
  await rm(join(cluster, 'postmaster.pid'), { force: true });
}

/** Records this process as the one that answers for the server. */
export async function claimServer({ launcherFile }: ClusterFolder): Promise<void> {
  await writeFile(launcherFile, JSON.stringify(findProcess(process.pid)), { mode: 0o600 });
}
