import {
  countField,
  flagField,
  httpUrlField,
  logLevelField,
  mediaStoreFields,
  portField,
  secretField,
} from '#runtime';
import { z } from 'zod';

const MIB = 1024 * 1024;

const postgresUrl = z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' });

/** The environment of the api process. */
export const apiConfigSchema = z.object({
  HOST: z.string().default('127.0.0.1').describe('Address to listen on; 0.0.0.0 for all of this machine'),
  PORT: portField(3000).describe('Port to listen on; 0 takes a free one'),
  PUBLIC_URL: httpUrlField
    .optional()
    .describe('Where clients reach this api; used in links and in the OpenAPI document'),
  LOG_LEVEL: logLevelField,
  TRUSTED_PROXY_HOPS: countField(0, 10, 0).describe(
    'Number of reverse proxies in front whose X-Forwarded-For is believed; 0 behind a proxy makes all clients one address, with one limit',
  ),

  DATABASE_URL: postgresUrl.describe('Postgres URL of the role wagate_app, which serves requests'),
  DATABASE_OWNER_URL: postgresUrl.describe(
    'Postgres URL of the role that owns the tables; used for migrations at start',
  ),
  DATABASE_POOL_SIZE: countField(2, 500, 20).describe('Connections of this process to Postgres'),
  REDIS_URL: z
    .url({ protocol: /^rediss?$/ })
    .optional()
    .describe(
      'Redis that holds the rate limits of several api processes; without it each process counts for itself',
    ),

  ...mediaStoreFields,

  SESSION_NODE_URL: httpUrlField
    .optional()
    .describe(
      'Address of the only session-node, used instead of the NODE_URL that it reports; leave it unset when there is more than one node',
    ),
  SIMULATOR_URL: httpUrlField
    .optional()
    .describe('Control URL of the simulator, when test sessions are offered'),
  INTERNAL_SECRET: secretField.describe('Secret shared with the session-nodes, at least 32 random bytes'),
  ENCRYPTION_KEY: secretField.describe(
    'Key under which stored secrets (of webhooks) are encrypted, at least 32 random bytes; with another one they are lost',
  ),
  KEY_PEPPER: secretField.describe(
    'Key under which API keys are hashed, at least 32 random bytes; changing it invalidates every API key',
  ),

  KEY_REQUESTS_PER_MINUTE: countField(1, 10_000_000, 6_000).describe(
    'Requests per minute of one API key, unless its tenant has its own figure',
  ),
  TENANT_REQUESTS_PER_MINUTE: countField(1, 10_000_000, 12_000).describe(
    'Requests per minute of one tenant, unless it has its own figure',
  ),
  AUTH_FAILURES_PER_MINUTE: countField(1, 100_000, 30).describe(
    'Failed authentications per minute that one address may cause',
  ),

  MESSAGE_TTL_SECONDS: countField(60, 2_592_000, 86_400).describe(
    'How long an accepted message may wait to be sent, unless it says itself',
  ),
  MESSAGE_ACK_TIMEOUT_SECONDS: countField(1, 3_600, 60).describe(
    'A message that WhatsApp has not acknowledged after this is of unknown fate',
  ),
  MESSAGE_UNKNOWN_FINAL_SECONDS: countField(1, 604_800, 86_400).describe(
    'After this an unknown fate is no longer looked into',
  ),

  PACING_GAP_MS: countField(0, 3_600_000, 1_000).describe(
    'Pacing of live sessions without a policy of their own: shortest time from one message of a session to the next (docs/pacing.md)',
  ),
  PACING_JITTER_MS: countField(0, 3_600_000, 2_000).describe(
    'Pacing of live sessions without a policy of their own: up to this much is added to each gap, at random',
  ),
  PACING_PER_MINUTE: countField(0, 1_000_000, 20).describe(
    'Pacing of live sessions without a policy of their own: messages within any 60 seconds; 0: no cap',
  ),
  PACING_PER_HOUR: countField(0, 1_000_000, 300).describe(
    'Pacing of live sessions without a policy of their own: messages within any hour; 0: no cap',
  ),
  PACING_PER_DAY: countField(0, 1_000_000, 2_000).describe(
    'Pacing of live sessions without a policy of their own: messages within any 24 hours; 0: no cap',
  ),
  PACING_STRANGERS_PER_DAY: countField(0, 1_000_000, 200).describe(
    'Pacing of live sessions without a policy of their own: messages within any 24 hours to people who never wrote to the session; 0: no cap of their own',
  ),
  PACING_RAMP_FIRST_DAY: countField(0, 1_000_000, 200).describe(
    'Pacing of live sessions without a policy of their own: messages on the first day after a session was linked; 0: new sessions begin with PACING_PER_DAY',
  ),
  PACING_RAMP_MORE_PER_DAY: countField(1, 1_000_000, 200).describe(
    'Pacing of live sessions without a policy of their own: so many more on each further day, up to PACING_PER_DAY',
  ),
  PAUSE_AFTER_UNACKNOWLEDGED: countField(0, 10_000, 5).describe(
    'Messages in a row that WhatsApp does not acknowledge, after which a session is paused; 0: never',
  ),
  PAUSE_AFTER_NOT_ON_WHATSAPP: countField(0, 10_000, 10).describe(
    'Recipients in a row that are not on WhatsApp, after which a session is paused; 0: never',
  ),
  PAUSE_SECONDS: countField(0, 2_592_000, 0).describe(
    'How long such a pause lasts; 0: until somebody resumes the session',
  ),

  WEBHOOK_LOG_RETENTION_DAYS: countField(1, 365, 7).describe(
    'How long an ended delivery stays in the log of its webhook',
  ),
  EVENT_RETENTION_DAYS: countField(1, 3_650, 30).describe('How long tenants can read an event'),

  MEDIA_MAX_IMAGE_BYTES: countField(1, 2 ** 31, 16 * MIB).describe(
    'Largest image, in bytes; the MEDIA_MAX_BYTES of the nodes has to be as large',
  ),
  MEDIA_MAX_VIDEO_BYTES: countField(1, 2 ** 31, 64 * MIB).describe(
    'Largest video, in bytes; the MEDIA_MAX_BYTES of the nodes has to be as large',
  ),
  MEDIA_MAX_AUDIO_BYTES: countField(1, 2 ** 31, 16 * MIB).describe(
    'Largest audio or voice file, in bytes; the MEDIA_MAX_BYTES of the nodes has to be as large',
  ),
  MEDIA_MAX_DOCUMENT_BYTES: countField(1, 2 ** 31, 100 * MIB).describe(
    'Largest document, in bytes; the MEDIA_MAX_BYTES of the nodes has to be as large',
  ),
  MEDIA_UPLOAD_MEMORY_BYTES: countField(32 * MIB, 2 ** 34, 256 * MIB).describe(
    'Memory that all uploads and fetches of files under way may hold together; others wait for their turn',
  ),
  MEDIA_DOWNLOAD_ATTEMPTS: countField(1, 50, 7).describe(
    'How often a file that came in is tried before it is given up',
  ),
  MEDIA_RETRY_FIRST_SECONDS: countField(1, 3_600, 5).describe(
    'Longest wait after the first failed download; six times as long after each further one, up to six hours',
  ),
  MESSAGE_RETENTION_DAYS: countField(0, 36_500, 0).describe(
    'Days that ended messages are kept, unless their tenant has its own figure; 0 keeps them for ever',
  ),
  MEDIA_RETENTION_DAYS: countField(0, 36_500, 0).describe(
    'Days that files are kept, unless their tenant has its own figure; 0 keeps them for ever',
  ),
  CLEAN_EVERY_MINUTES: countField(1, 1_440, 10).describe(
    'How often what is no longer kept, and objects without a file, are removed',
  ),
  ALLOW_PRIVATE_WEBHOOK_URLS: flagField.describe(
    'Lets webhooks go to private addresses, and over http; for tests and development only',
  ),
  ALLOW_PRIVATE_MEDIA_URLS: flagField.describe(
    'Lets media URLs point to private addresses; for tests and development only',
  ),

  SHUTDOWN_TIMEOUT_SECONDS: countField(1, 300, 30).describe('Longest wait for running requests at shutdown'),
});

/** The parsed environment. */
export type ApiConfig = z.infer<typeof apiConfigSchema>;

/** Injection token of the ApiConfig: `@Inject(API_CONFIG) config: ApiConfig`. */
export const API_CONFIG = Symbol('ApiConfig');
