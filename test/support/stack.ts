import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startObjectStore, type FreshDatabase, type RunningObjectStore } from '#embedded';
import {
  startSimulator,
  type BuildProfile,
  type Simulator,
  type SimulatorOptions,
} from '../../apps/simulator/src/index.js';
import { appUrlOf } from './app-url.js';
import { ChildPart } from './child-part.js';
import { freePort } from './free-port.js';
import { HttpClient } from './http-client.js';
import { testBrowserPath } from './test-browser-path.js';

export interface StackOptions {
  profile: BuildProfile;
  /** Further settings of the two processes. */
  apiEnv?: Record<string, string>;
  nodeEnv?: Record<string, string>;
  /** An empty database to use; left out, one of the test run's Postgres. */
  database?: FreshDatabase;
  simulator?: Partial<SimulatorOptions>;
  /** No session-node is started: the caller plays it. */
  withoutNode?: boolean;
  /** Folder of the built programs, when not `dist`. */
  programs?: string;
}

/** The whole of wagate: real processes, a real database, a real object store, and the simulator as WhatsApp. */
export interface Stack {
  api: ChildPart;
  node: ChildPart;
  simulator: Simulator;
  simulated: HttpClient;
  baseUrl: string;
  folder: string;
  databaseUrl: string;
  /** What the api was started with: for another one beside it. */
  apiEnv: Record<string, string>;
  /** Makes a tenant with one key by the command line. */
  createTenant(name: string, options?: { admin?: boolean }): Promise<{ key: string; client: HttpClient }>;
  close(): Promise<void>;
}

const API_PROGRAM = 'apps/api/src/main.js';
const CLI_PROGRAM = 'apps/api/src/cli.js';
const NODE_PROGRAM = 'apps/session-node/src/main.js';

interface Ports {
  api: number;
  node: number;
}

function environments(
  options: StackOptions,
  ports: Ports,
  folder: string,
  ownerUrl: string,
  store: RunningObjectStore & { accessKey: string; secretKey: string; bucket: string },
  simulator: Simulator,
): { api: Record<string, string>; node: Record<string, string> } {
  const both = {
    HOST: '127.0.0.1',
    LOG_LEVEL: 'debug',
    INTERNAL_SECRET: randomBytes(32).toString('hex'),
    SIMULATOR_URL: simulator.controlUrl,
    S3_ENDPOINT: store.endpoint,
    S3_REGION: 'us-east-1',
    S3_BUCKET: store.bucket,
    S3_ACCESS_KEY: store.accessKey,
    S3_SECRET_KEY: store.secretKey,
  };
  return {
    api: {
      ...both,
      PORT: String(ports.api),
      DATABASE_URL: appUrlOf(ownerUrl),
      DATABASE_OWNER_URL: ownerUrl,
      KEY_PEPPER: randomBytes(32).toString('hex'),
      ENCRYPTION_KEY: randomBytes(32).toString('hex'),
      ...options.apiEnv,
    },
    node: {
      ...both,
      PORT: String(ports.node),
      NODE_NAME: 'node-1',
      NODE_URL: `http://127.0.0.1:${String(ports.node)}`,
      API_URL: `http://127.0.0.1:${String(ports.api)}`,
      PROFILES_DIR: join(folder, 'profiles'),
      CHROME_PATH: testBrowserPath(),
      ...(process.getuid?.() === 0 ? { CHROME_NO_SANDBOX: 'true' } : {}),
      ...options.nodeEnv,
    },
  };
}

/** Starts everything; `close()` ends everything and leaves nothing behind. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const folder = await mkdtemp(join(tmpdir(), 'wagate-e2e-'));
  await mkdir(join(folder, 'profiles'));
  // Imported late: it needs the runner of the tests, which benches do without.
  const database = options.database ?? (await (await import('./fresh-database.js')).freshDatabase());
  const access = { accessKey: 'wagate', secretKey: randomBytes(20).toString('hex'), bucket: 'media' };
  const running = await startObjectStore({
    dataDir: join(folder, 's3'),
    accessKey: access.accessKey,
    secretKey: access.secretKey,
    buckets: [access.bucket],
  });
  const simulator = await startSimulator({
    profile: options.profile,
    qrFirstMs: 20_000,
    certDir: folder,
    stateFile: join(folder, 'simulator.json'),
    ...options.simulator,
  });
  const ports = { api: await freePort(), node: await freePort() };
  const programs = options.programs ?? 'dist';
  const env = environments(options, ports, folder, database.url, { ...running, ...access }, simulator);
  const baseUrl = `http://127.0.0.1:${String(ports.api)}`;
  const api = new ChildPart({
    name: 'api',
    program: join(programs, API_PROGRAM),
    env: env.api,
    healthUrl: `${baseUrl}/health/live`,
    logFile: join(folder, 'api.log'),
  });
  const node = new ChildPart({
    name: 'session-node',
    program: join(programs, NODE_PROGRAM),
    env: env.node,
    healthUrl: `http://127.0.0.1:${String(ports.node)}/health/live`,
    logFile: join(folder, 'session-node.log'),
  });
  const close = async () => {
    await node.stop();
    await api.stop();
    await simulator.close();
    await running.stop();
    await database.drop();
    if (!process.env.WAGATE_KEEP_TEST_FOLDERS) await rm(folder, { recursive: true, force: true });
  };
  try {
    await api.start();
    if (!options.withoutNode) await node.start();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    api,
    node,
    simulator,
    simulated: new HttpClient(simulator.controlUrl),
    baseUrl,
    folder,
    databaseUrl: database.url,
    apiEnv: env.api,
    createTenant: (name, { admin = false } = {}) =>
      createTenant(name, admin, env.api, baseUrl, join(programs, CLI_PROGRAM)),
    close,
  };
}

async function createTenant(
  name: string,
  admin: boolean,
  env: Record<string, string>,
  baseUrl: string,
  program: string,
) {
  const args = [program, 'tenant', 'create', '--name', name, '--mode', 'test', '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, [...args, ...(admin ? ['--admin'] : [])], {
    env: { PATH: process.env.PATH ?? '', ...env },
    timeout: 60_000,
  });
  const { key } = JSON.parse(stdout) as { key: string };
  return { key, client: new HttpClient(`${baseUrl}/api/v1`, key) };
}
