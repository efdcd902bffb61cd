import { z } from 'zod';

/**
 * Text in a request that Postgres and WhatsApp can hold: neither takes U+0000 or half a surrogate pair.
 * @param longest in UTF-16 units
 */
export function plainText(longest: number) {
  return z
    .string()
    .max(longest)
    .refine(
      (text) => !text.includes('\u0000') && !/\p{Surrogate}/u.test(text),
      'must not contain U+0000 or half a surrogate pair',
    );
}
