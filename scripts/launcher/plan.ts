import { join } from 'node:path';
import type { KeptSecrets } from './kept-secrets.js';
import type { PartSpec } from './part.js';

export const APP_ROLE = 'wagate_app';
const REGION = 'us-east-1';
const BUCKET = 'wagate-media';

export interface Ports {
  api: number;
  node: number;
  simulator: number;
  objectStore: number;
}

export interface PlanInput {
  /** Where everything is kept. */
  folder: string;
  /** Address that api, session-node and simulator listen on. */
  host: string;
  ports: Ports;
  secrets: KeptSecrets;
  database: { appUrl: string; ownerUrl: string };
  chromePath: string;
}

/** Everything that runs beside the database, in the order of its start. */
export interface Plan {
  objectStore: PartSpec;
  simulator: PartSpec;
  api: PartSpec;
  node: PartSpec;
}

const local = (port: number, path = '') => `http://127.0.0.1:${port}${path}`;

function objectStoreSpec({ folder, ports, secrets }: PlanInput): PartSpec {
  return {
    name: 'objects',
    program: 'dist/libs/embedded/src/object-store/main.js',
    healthUrl: local(ports.objectStore, '/minio/health/live'),
    env: {
      S3_DATA_DIR: join(folder, 'objects'),
      S3_PORT: String(ports.objectStore),
      S3_ACCESS_KEY: secrets.s3AccessKey,
      S3_SECRET_KEY: secrets.s3SecretKey,
      S3_BUCKET: BUCKET,
    },
  };
}

function simulatorSpec({ folder, ports }: PlanInput): PartSpec {
  return {
    name: 'simulator',
    program: 'dist/apps/simulator/src/main.js',
    healthUrl: local(ports.simulator, '/health'),
    env: {
      SIMULATOR_PORT: String(ports.simulator),
      SIMULATOR_PAGE_PORT: process.env.SIMULATOR_PAGE_PORT ?? '0',
      SIMULATOR_STATE_FILE: join(folder, 'simulator', 'state.json'),
    },
  };
}

/** What api and session-node have in common. */
function sharedEnv({ host, ports, secrets }: PlanInput): Record<string, string> {
  return {
    HOST: host,
    INTERNAL_SECRET: secrets.internalSecret,
    SIMULATOR_URL: local(ports.simulator),
    S3_ENDPOINT: local(ports.objectStore),
    S3_REGION: REGION,
    S3_BUCKET: BUCKET,
    S3_ACCESS_KEY: secrets.s3AccessKey,
    S3_SECRET_KEY: secrets.s3SecretKey,
  };
}

function apiSpec(input: PlanInput): PartSpec {
  const { ports, secrets, database } = input;
  return {
    name: 'api',
    program: 'dist/apps/api/src/main.js',
    // A request leaves much behind that is young: collecting it less often saves a sixth of the CPU for up to 64 MB.
    nodeFlags: ['--max-semi-space-size=32'],
    healthUrl: local(ports.api, '/health/live'),
    env: {
      ...sharedEnv(input),
      PORT: String(ports.api),
      DATABASE_URL: database.appUrl,
      DATABASE_OWNER_URL: database.ownerUrl,
      KEY_PEPPER: secrets.keyPepper,
      ENCRYPTION_KEY: secrets.encryptionKey,
      // A receiver under development listens on this machine.
      ALLOW_PRIVATE_WEBHOOK_URLS: 'true',
      // Requests and sends may take this long each; the launcher waits for 40 seconds.
      SHUTDOWN_TIMEOUT_SECONDS: '10',
    },
  };
}

function nodeSpec(input: PlanInput): PartSpec {
  const { folder, ports, chromePath } = input;
  // Chromium's sandbox refuses to run as root; everybody else keeps it.
  const isRoot = process.getuid?.() === 0;
  return {
    name: 'session-node',
    program: 'dist/apps/session-node/src/main.js',
    healthUrl: local(ports.node, '/health/live'),
    env: {
      ...sharedEnv(input),
      HOST: '127.0.0.1',
      PORT: String(ports.node),
      NODE_NAME: 'local',
      NODE_URL: local(ports.node),
      API_URL: local(ports.api),
      PROFILES_DIR: join(folder, 'profiles'),
      CHROME_PATH: chromePath,
      CHROME_NO_SANDBOX: process.env.CHROME_NO_SANDBOX ?? String(isRoot),
    },
  };
}

/** How each part is started; the environment of `npm start` adds to it, and never overrides it. */
export function makePlan(input: PlanInput): Plan {
  return {
    objectStore: objectStoreSpec(input),
    simulator: simulatorSpec(input),
    api: apiSpec(input),
    node: nodeSpec(input),
  };
}
