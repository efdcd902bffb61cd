import { heartbeatSchema } from '#contracts';
import {
  countField,
  flagField,
  httpUrlField,
  isLoopback,
  logLevelField,
  mediaStoreFields,
  portField,
  secretField,
} from '#runtime';
import { z } from 'zod';

const MIB = 1024 * 1024;

/** The api places sessions on nodes that it heard within 20 s: three heartbeats, so that two may be lost. */
const LONGEST_HEARTBEAT_INTERVAL_MS = 6_000;
const LONGEST_PROBE_INTERVAL_MS = 20_000;
const LONGEST_PROBE_TIMEOUT_MS = 25_000;
/**
 * The api shows a session as connected for 30 s after a proof. The next one may come an interval and the whole time of
 * a probe later, and waits for a heartbeat, which has its own way to the api.
 */
const LONGEST_WITHOUT_PROOF_MS = 28_000;

type ProofField = 'PROBE_INTERVAL_MS' | 'PROBE_TIMEOUT_MS' | 'HEARTBEAT_INTERVAL_MS';

/** The environment of a session-node. */
export const sessionNodeConfigSchema = z
  .object({
    HOST: z.string().default('127.0.0.1').describe('Address to listen on'),
    PORT: portField(3100).describe('Port to listen on; 0 takes a free one'),
    ALLOW_REMOTE: flagField.describe(
      'Allows HOST to be an address that other machines reach; the network between api and node must then be private',
    ),
    LOG_LEVEL: logLevelField,

    NODE_NAME: heartbeatSchema.shape.name
      .default('node-1')
      .describe('Name of this node; the api finds the profiles of its sessions again under the same name'),
    NODE_URL: httpUrlField
      .optional()
      .describe('Where the api reaches this node; http://HOST:PORT unless told'),
    API_URL: httpUrlField.describe('Where this node reaches the api'),
    INTERNAL_SECRET: secretField.describe('Secret shared with the api, at least 32 random bytes'),

    MAX_SESSIONS: countField(1, 500, 50).describe('Most sessions that run at once'),
    PROFILES_DIR: z
      .string()
      .min(1)
      .describe('Folder of the browser profiles, which are the logins; one node per folder'),
    CHROME_PATH: z.string().min(1).describe('Chromium, best its headless shell'),
    CHROME_NO_SANDBOX: flagField.describe(
      "Runs Chromium without its sandbox; needed as root, shows in the node's health",
    ),
    LAUNCH_CONCURRENCY: countField(1, 50, 3).describe('Browsers that may start at the same time'),
    SIMULATOR_URL: httpUrlField
      .optional()
      .describe('Control URL of the simulator, for test sessions; without it they cannot start'),

    ...mediaStoreFields,
    MEDIA_MAX_BYTES: countField(1, 2 ** 31, 100 * MIB).describe(
      'Largest file that is sent or downloaded, in bytes; not less than any MEDIA_MAX_…_BYTES of the api, which accepts what the node then could not send',
    ),

    PROBE_INTERVAL_MS: countField(500, LONGEST_PROBE_INTERVAL_MS, 15_000).describe(
      `Time between two probes of a connected page; with PROBE_TIMEOUT_MS and HEARTBEAT_INTERVAL_MS at most ${LONGEST_WITHOUT_PROOF_MS} together, as the api takes a connection as proven for 30 seconds`,
    ),
    PROBE_TIMEOUT_MS: countField(500, LONGEST_PROBE_TIMEOUT_MS, 10_000).describe(
      'Longest answer to a probe; after two misses the browser is killed and started again',
    ),
    START_TIMEOUT_MS: countField(5_000, 600_000, 120_000).describe(
      'Longest way from the launch, or from the scan, to connected',
    ),
    LINK_TTL_MS: countField(5_000, 900_000, 180_000).describe('How long one start shows QR codes'),
    SWEEP_INTERVAL_MS: countField(1_000, 3_600_000, 60_000).describe(
      "Time between two full readings of the page's message store",
    ),
    HEARTBEAT_INTERVAL_MS: countField(200, LONGEST_HEARTBEAT_INTERVAL_MS, 3_000).describe(
      'Time between two heartbeats to the api',
    ),
    SHUTDOWN_TIMEOUT_MS: countField(1_000, 300_000, 30_000).describe(
      'Longest wait for browsers to close by themselves at shutdown',
    ),
  })
  .refine((config) => config.ALLOW_REMOTE || isLoopback(config.HOST), {
    path: ['HOST'],
    error: 'must be a loopback address unless ALLOW_REMOTE is true',
  })
  .refine((config) => withoutProofMs(config) <= LONGEST_WITHOUT_PROOF_MS, {
    path: ['PROBE_INTERVAL_MS'],
    error: `must be at most ${LONGEST_WITHOUT_PROOF_MS} together with PROBE_TIMEOUT_MS and HEARTBEAT_INTERVAL_MS`,
  });

function withoutProofMs(config: Record<ProofField, number>): number {
  return config.PROBE_INTERVAL_MS + config.PROBE_TIMEOUT_MS + config.HEARTBEAT_INTERVAL_MS;
}

/** The parsed environment. */
export type SessionNodeConfig = z.infer<typeof sessionNodeConfigSchema>;
