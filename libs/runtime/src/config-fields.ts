import { isIP } from 'node:net';
import { INTERNAL_SECRET_MIN_BYTES } from '#contracts';
import { z } from 'zod';

/** `true` or `false`; false unless told. */
export const flagField = z
  .enum(['true', 'false'])
  .default('false')
  .transform((value) => value === 'true');

/** A whole number within bounds. */
export const countField = (min: number, max: number, defaultValue: number) =>
  z.coerce.number().int().min(min).max(max).default(defaultValue);

/** A TCP port; 0 takes a free one. */
export const portField = (defaultValue: number) => countField(0, 65_535, defaultValue);

export const httpUrlField = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });

export const logLevelField = z
  .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
  .default('info')
  .describe('Least severe level that is logged');

/** Where media lies; the same for all processes that read or write it. */
export const mediaStoreFields = {
  S3_ENDPOINT: httpUrlField.describe('URL of the S3-compatible object store'),
  S3_REGION: z.string().min(1).default('us-east-1').describe('Region of the bucket'),
  S3_BUCKET: z.string().min(3).max(63).describe('Bucket that holds media'),
  S3_ACCESS_KEY: z.string().min(1).describe('Access key of the object store'),
  S3_SECRET_KEY: z.string().min(1).describe('Secret key of the object store'),
};

const PLACEHOLDER = /^(.)\1*$|change.?me|default|password|example|secret.?here/i;

/** A random secret; short ones and what people leave in from an example are refused. */
export const secretField = z
  .string()
  .refine(
    (value) => Buffer.byteLength(value) >= INTERNAL_SECRET_MIN_BYTES,
    `must be at least ${String(INTERNAL_SECRET_MIN_BYTES)} bytes`,
  )
  .refine((value) => !PLACEHOLDER.test(value), 'must be a random value, not a placeholder')
  .meta({ allowed: `at least ${String(INTERNAL_SECRET_MIN_BYTES)} bytes, random` });

/** True for addresses that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
