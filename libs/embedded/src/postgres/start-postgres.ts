import { spawn, type ChildProcess } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { findRunAs, type RunAs } from '../process/run-as.js';
import { stopProcess } from '../process/stop-process.js';
import { giveTo, openClusterFolder, removeClusterFolder } from './cluster-folder.js';
import { ensureDatabase } from './create-database.js';
import { initialiseCluster, SUPERUSER } from './initialise-cluster.js';
import { claimServer, POSTGRES_STOP, stopLeftOverServer } from './left-over-server.js';
import { preparePostgresBinaries } from './postgres-binaries.js';

const START_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 5_000;
const POLL_MS = 25;
const KEPT_LINES = 30;
const START_ATTEMPTS = 3;

export interface PostgresOptions {
  /** Where the data lives; made when missing, reused when there. */
  dataDir: string;
  /** 0 or left out: any free port. */
  port?: number;
  /** Database of the returned url, made when missing; `postgres` unless told. */
  database?: string;
  /** False for throw-away data: no fsync, little memory. */
  durable?: boolean;
  maxConnections?: number;
  /** Memory for pages of the data, as Postgres writes it (`2GB`); 128 MB unless told, 32 MB for throw-away data. */
  sharedBuffers?: string;
  /** Receives each line of the server's log. */
  log?: (line: string) => void;
}

export interface RunningPostgres {
  /** The superuser's, with the password. */
  url: string;
  port: number;
  pid: number;
  /** Where the data really lies: outside `dataDir` when Postgres' account cannot enter that. */
  cluster: string;
  /** Settles when the server ends, for whatever reason. */
  exited: Promise<void>;
  /** Ends the server; with `remove`, its data too. */
  stop(options?: { remove?: boolean }): Promise<void>;
}

interface Server {
  child: ChildProcess;
  exited: Promise<void>;
  lastLines: string[];
}

async function findFreePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

function serverSettings(
  { durable = true, maxConnections = 200, sharedBuffers = durable ? '128MB' : '32MB' }: PostgresOptions,
  port: number,
): string[] {
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: maxConnections,
    shared_buffers: sharedBuffers,
    log_timezone: 'UTC',
    timezone: 'UTC',
    ...(durable ? {} : { fsync: 'off', full_page_writes: 'off', max_wal_size: '256MB' }),
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

function spawnServer(
  program: string,
  args: string[],
  runAs: RunAs | undefined,
  log?: (line: string) => void,
): Server {
  const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
  const child = spawn(program, args, {
    ...runAs,
    env,
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const lastLines: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    lastLines.push(line);
    if (lastLines.length > KEPT_LINES) lastLines.shift();
    log?.(line);
  });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      lastLines.push(error.message);
      resolve();
    });
  });
  return { child, exited, lastLines };
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === '28P01')
      throw new Error('the stored password is not the one of this cluster', { cause: error });
    return false; // refused, or "the database system is starting up" (57P03)
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function waitUntilReady(url: string, { exited, lastLines }: Server): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  let ended = false;
  void exited.then(() => {
    ended = true;
  });
  while (!(await answers(url))) {
    if (ended) throw new Error(`Postgres ended while starting:\n${lastLines.join('\n')}`);
    if (performance.now() > deadline)
      throw new Error(`Postgres was not ready in ${START_TIMEOUT_MS} ms:\n${lastLines.join('\n')}`);
    await delay(POLL_MS);
  }
}

async function stopServer({ child, exited }: Server): Promise<void> {
  if (child.pid !== undefined) await stopProcess(child.pid, POSTGRES_STOP);
  await exited;
}

async function launch(
  program: string,
  cluster: string,
  options: PostgresOptions,
  url: (port: number) => string,
  runAs: RunAs | undefined,
) {
  for (let attempt = 1; ; attempt += 1) {
    // Another program may take a free port before Postgres does; then take the next one.
    const port = options.port || (await findFreePort());
    const server = spawnServer(
      program,
      ['-D', cluster, ...serverSettings(options, port)],
      runAs,
      options.log,
    );
    try {
      await waitUntilReady(url(port), server);
      return { server, port };
    } catch (error) {
      await stopServer(server);
      const isTaken = server.lastLines.some((line) => line.includes('Address already in use'));
      if (!isTaken || options.port || attempt >= START_ATTEMPTS) throw error;
    }
  }
}

/**
 * Starts a real Postgres 18 of our own on 127.0.0.1, for development and tests: makes the cluster when there is
 * none, stops a server that a killed process left behind, runs as an unprivileged account when we are root.
 * @throws Error when the data is in use by a living process, or with the server's last lines when it does not start
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const runAs = findRunAs();
  const programs = await preparePostgresBinaries(runAs);
  const folder = await openClusterFolder(options.dataDir, runAs);
  await stopLeftOverServer(folder);
  const password = await initialiseCluster(programs.initdb, folder, runAs);
  await giveTo(folder.cluster, runAs);
  await claimServer(folder);
  const urlOf = (port: number, database: string) =>
    `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/${database}`;
  const { server, port } = await launch(
    programs.postgres,
    folder.cluster,
    options,
    (p) => urlOf(p, 'postgres'),
    runAs,
  );
  const stop = async ({ remove = false } = {}) => {
    await stopServer(server);
    await rm(folder.launcherFile, { force: true });
    if (remove) await removeClusterFolder(options.dataDir);
  };
  const database = options.database ?? 'postgres';
  try {
    await ensureDatabase(urlOf(port, 'postgres'), database);
  } catch (error) {
    await stop();
    throw error;
  }
  const pid = server.child.pid ?? 0;
  return { url: urlOf(port, database), port, pid, cluster: folder.cluster, exited: server.exited, stop };
}
