import { countField, flagField, httpUrlField, logLevelField, portField, secretField } from '#runtime';
import { z } from 'zod';

const MIB = 1024 * 1024;

const postgresUrl = z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' });

/** The environment of the api process. */
export const apiConfigSchema = z.object({
  HOST: z.string().default('0.0.0.0').describe('Address to listen on'),
  PORT: portField(3000).describe('Port to listen on; 0 takes a free one'),
  PUBLIC_URL: httpUrlField
    .optional()
    .describe('Where clients reach this api; used in links and in the OpenAPI document'),
  LOG_LEVEL: logLevelField,
  TRUSTED_PROXY_HOPS: countField(0, 10, 0).describe(
    'Number of reverse proxies in front whose X-Forwarded-For is believed',
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

  S3_ENDPOINT: httpUrlField.describe('URL of the S3-compatible object store'),
  S3_REGION: z.string().min(1).default('us-east-1').describe('Region of the bucket'),
  S3_BUCKET: z.string().min(3).max(63).describe('Bucket that holds media'),
  S3_ACCESS_KEY: z.string().min(1).describe('Access key of the object store'),
  S3_SECRET_KEY: z.string().min(1).describe('Secret key of the object store'),

  SESSION_NODE_URL: httpUrlField
    .optional()
    .describe('A session-node that is always there, for set-ups with one node; others register themselves'),
  SIMULATOR_URL: httpUrlField
    .optional()
    .describe('Control URL of the simulator, when test sessions are offered'),
  INTERNAL_SECRET: secretField.describe('Secret shared with the session-nodes, at least 32 random bytes'),
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

  MEDIA_MAX_IMAGE_BYTES: countField(1, 2 ** 31, 16 * MIB).describe('Largest image, in bytes'),
  MEDIA_MAX_VIDEO_BYTES: countField(1, 2 ** 31, 64 * MIB).describe('Largest video, in bytes'),
  MEDIA_MAX_AUDIO_BYTES: countField(1, 2 ** 31, 16 * MIB).describe('Largest audio or voice file, in bytes'),
  MEDIA_MAX_DOCUMENT_BYTES: countField(1, 2 ** 31, 100 * MIB).describe('Largest document, in bytes'),
  ALLOW_PRIVATE_MEDIA_URLS: flagField.describe(
    'Lets media URLs point to private addresses; for tests and development only',
  ),

  SHUTDOWN_TIMEOUT_SECONDS: countField(1, 300, 30).describe('Longest wait for running requests at shutdown'),
});

/** The parsed environment. */
export type ApiConfig = z.infer<typeof apiConfigSchema>;

/** Injection token of the ApiConfig: `@Inject(API_CONFIG) config: ApiConfig`. */
export const API_CONFIG = Symbol('ApiConfig');
