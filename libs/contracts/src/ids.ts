import { z } from 'zod';

/**
 * Every object of a tenant has an opaque, time-sortable id: a prefix that names its kind and 26 characters
 * of lower-case Crockford base32.
 */
export const ID_PREFIXES = [
  'tnt',
  'key',
  'ses',
  'msg',
  'med',
  'cht',
  'con',
  'evt',
  'whk',
  'dlv',
  'att',
  'nod',
  'opt',
] as const;
export type IdPrefix = (typeof ID_PREFIXES)[number];
export type Id<P extends IdPrefix = IdPrefix> = `${P}_${string}`;

const BODY = '[0-9a-hjkmnp-tv-z]{26}';

/** Schema of an id of one kind. */
export function idSchema<P extends IdPrefix>(prefix: P) {
  return z
    .string()
    .regex(new RegExp(`^${prefix}_${BODY}$`), `must be an id that starts with ${prefix}_`)
    .describe(`Opaque id, ${prefix}_ and 26 characters`);
}

export const tenantIdSchema = idSchema('tnt');
export const keyIdSchema = idSchema('key');
export const sessionIdSchema = idSchema('ses');
export const messageIdSchema = idSchema('msg');
export const mediaIdSchema = idSchema('med');
export const chatIdSchema = idSchema('cht');
export const contactIdSchema = idSchema('con');
export const webhookIdSchema = idSchema('whk');
export const deliveryIdSchema = idSchema('dlv');

/** A session's tenant-unique name; never looks like an id. */
export const sessionNameSchema = z
  .string()
  .regex(
    /^(?!ses_)[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?$/,
    'must be 1 to 64 of a-z 0-9 _ -, begin and end with a letter or digit, and not begin with ses_',
  )
  .describe('Tenant-unique name of a session');
