import { z } from 'zod';

const MIB = 1024 * 1024;

const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((value) => value === 'true');

const OBVIOUS = /^(.)\1*$|change.?me|default|password|example|secret.?here/i;
const secret = z
  .string()
  .refine((value) => Buffer.byteLength(value) >= 32, 'must be at least 32 bytes')
  .refine((value) => !OBVIOUS.test(value), 'must be a random value, not a placeholder');

const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });
const postgresUrl = z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' });
const count = (min: number, max: number, defaultValue: number) =>
  z.coerce.number().int().min(min).max(max).default(defaultValue);

/** The environment of the api process. */
export const apiConfigSchema = z.object({
  HOST: z.string().default('0.0.0.0').describe('Address to listen on'),
  PORT: count(0, 65_535, 3000).describe('Port to listen on; 0 takes a free one'),
  PUBLIC_URL: httpUrl
    .optional()
    .describe('Where clients reach this api; used in links and in the OpenAPI document'),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('Least severe level that is logged'),
  TRUSTED_PROXY_HOPS: count(0, 10, 0).describe(
    'Number of reverse proxies in front whose X-Forwarded-For is believed',
  ),

  DATABASE_URL: postgresUrl.describe('Postgres URL of the role wagate_app, which serves requests'),
  DATABASE_OWNER_URL: postgresUrl.describe(
    'Postgres URL of the role that owns the tables; used for migrations at start',
  ),
  DATABASE_POOL_SIZE: count(2, 500, 20).describe('Connections of this process to Postgres'),
  REDIS_URL: z
    .url({ protocol: /^rediss?$/ })
    .optional()
    .describe(
      'Redis that holds the rate limits of several api processes; without it each process counts for itself',
    ),

  S3_ENDPOINT: httpUrl.describe('URL of the S3-compatible object store'),
  S3_REGION: z.string().min(1).default('us-east-1').describe('Region of the bucket'),
  S3_BUCKET: z.string().min(3).max(63).describe('Bucket that holds media'),
  S3_ACCESS_KEY: z.string().min(1).describe('Access key of the object store'),
  S3_SECRET_KEY: z.string().min(1).describe('Secret key of the object store'),

  SESSION_NODE_URL: httpUrl
    .optional()
    .describe('A session-node that is always there, for set-ups with one node; others register themselves'),
  SIMULATOR_URL: httpUrl.optional().describe('Control URL of the simulator, when test sessions are offered'),
  INTERNAL_SECRET: secret.describe('Secret shared with the session-nodes, at least 32 random bytes'),
  KEY_PEPPER: secret.describe(
    'Key under which API keys are hashed, at least 32 random bytes; changing it invalidates every API key',
  ),

  KEY_REQUESTS_PER_MINUTE: count(1, 10_000_000, 6_000).describe(
    'Requests per minute of one API key, unless its tenant has its own figure',
  ),
  TENANT_REQUESTS_PER_MINUTE: count(1, 10_000_000, 12_000).describe(
    'Requests per minute of one tenant, unless it has its own figure',
  ),
  AUTH_FAILURES_PER_MINUTE: count(1, 100_000, 30).describe(
    'Failed authentications per minute that one address may cause',
  ),

  MESSAGE_TTL_SECONDS: count(60, 2_592_000, 86_400).describe(
    'How long an accepted message may wait to be sent, unless it says itself',
  ),
  MESSAGE_ACK_TIMEOUT_SECONDS: count(1, 3_600, 60).describe(
    'A message that WhatsApp has not acknowledged after this is of unknown fate',
  ),
  MESSAGE_UNKNOWN_FINAL_SECONDS: count(1, 604_800, 86_400).describe(
    'After this an unknown fate is no longer looked into',
  ),

  MEDIA_MAX_IMAGE_BYTES: count(1, 2 ** 31, 16 * MIB).describe('Largest image, in bytes'),
  MEDIA_MAX_VIDEO_BYTES: count(1, 2 ** 31, 64 * MIB).describe('Largest video, in bytes'),
  MEDIA_MAX_AUDIO_BYTES: count(1, 2 ** 31, 16 * MIB).describe('Largest audio or voice file, in bytes'),
  MEDIA_MAX_DOCUMENT_BYTES: count(1, 2 ** 31, 100 * MIB).describe('Largest document, in bytes'),
  ALLOW_PRIVATE_MEDIA_URLS: flag.describe(
    'Lets media URLs point to private addresses; for tests and development only',
  ),

  SHUTDOWN_TIMEOUT_SECONDS: count(1, 300, 30).describe('Longest wait for running requests at shutdown'),
});

/** The parsed environment. */
export type ApiConfig = z.infer<typeof apiConfigSchema>;

/** Injection token of the ApiConfig: `@Inject(API_CONFIG) config: ApiConfig`. */
export const API_CONFIG = Symbol('ApiConfig');
