import { isIP } from 'node:net';
import { INTERNAL_SECRET_MIN_BYTES, heartbeatSchema } from '#contracts';
import { z } from 'zod';

const MIB = 1024 * 1024;

const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((value) => value === 'true');
const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });
const count = (min: number, max: number, defaultValue: number) =>
  z.coerce.number().int().min(min).max(max).default(defaultValue);
const secret = z
  .string()
  .refine(
    (value) => Buffer.byteLength(value) >= INTERNAL_SECRET_MIN_BYTES,
    `must be at least ${INTERNAL_SECRET_MIN_BYTES} bytes`,
  );

/** True for addresses that only this machine reaches. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** The environment of a session-node. */
export const sessionNodeConfigSchema = z
  .object({
    HOST: z.string().default('127.0.0.1').describe('Address to listen on'),
    PORT: count(0, 65_535, 3100).describe('Port to listen on; 0 takes a free one'),
    ALLOW_REMOTE: flag.describe(
      'Allows HOST to be an address that other machines reach; the network between api and node must then be private',
    ),
    LOG_LEVEL: z
      .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
      .default('info')
      .describe('Least severe level that is logged'),

    NODE_NAME: heartbeatSchema.shape.name
      .default('node-1')
      .describe('Name of this node; the api finds the profiles of its sessions again under the same name'),
    NODE_URL: httpUrl.optional().describe('Where the api reaches this node; http://HOST:PORT unless told'),
    API_URL: httpUrl.describe('Where this node reaches the api'),
    INTERNAL_SECRET: secret.describe('Secret shared with the api, at least 32 random bytes'),

    MAX_SESSIONS: count(1, 500, 50).describe('Most sessions that run at once'),
    PROFILES_DIR: z
      .string()
      .min(1)
      .describe('Folder of the browser profiles, which are the logins; one node per folder'),
    CHROME_PATH: z.string().min(1).describe('Chromium, best its headless shell'),
    CHROME_NO_SANDBOX: flag.describe(
      "Runs Chromium without its sandbox; needed as root, shows in the node's health",
    ),
    LAUNCH_CONCURRENCY: count(1, 50, 3).describe('Browsers that may start at the same time'),
    SIMULATOR_URL: httpUrl
      .optional()
      .describe('Control URL of the simulator, for test sessions; without it they cannot start'),

    S3_ENDPOINT: httpUrl.describe('URL of the S3-compatible object store'),
    S3_REGION: z.string().min(1).default('us-east-1').describe('Region of the bucket'),
    S3_BUCKET: z.string().min(3).max(63).describe('Bucket that holds media'),
    S3_ACCESS_KEY: z.string().min(1).describe('Access key of the object store'),
    S3_SECRET_KEY: z.string().min(1).describe('Secret key of the object store'),
    MEDIA_MAX_BYTES: count(1, 2 ** 31, 100 * MIB).describe(
      'Largest file that is sent or downloaded, in bytes',
    ),

    PROBE_INTERVAL_MS: count(500, 300_000, 15_000).describe('Time between two probes of a connected page'),
    PROBE_TIMEOUT_MS: count(500, 120_000, 10_000).describe(
      'Longest answer to a probe; after two misses the browser is killed and started again',
    ),
    START_TIMEOUT_MS: count(5_000, 600_000, 120_000).describe(
      'Longest way from the launch, or from the scan, to connected',
    ),
    LINK_TTL_MS: count(5_000, 900_000, 180_000).describe('How long one start shows QR codes'),
    SWEEP_INTERVAL_MS: count(1_000, 3_600_000, 60_000).describe(
      "Time between two full readings of the page's message store",
    ),
    HEARTBEAT_INTERVAL_MS: count(200, 60_000, 5_000).describe('Time between two heartbeats to the api'),
    SHUTDOWN_TIMEOUT_MS: count(1_000, 300_000, 30_000).describe(
      'Longest wait for browsers to close by themselves at shutdown',
    ),
  })
  .refine((config) => config.ALLOW_REMOTE || isLoopback(config.HOST), {
    path: ['HOST'],
    error: 'must be a loopback address unless ALLOW_REMOTE is true',
  });

/** The parsed environment. */
export type SessionNodeConfig = z.infer<typeof sessionNodeConfigSchema>;
