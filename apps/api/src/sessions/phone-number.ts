import { parsePhoneNumberFromString } from 'libphonenumber-js';
import { z } from 'zod';

/**
 * The digits of an international number, or undefined for a string that is none. Takes `+49 151 …`, `0049…` and plain
 * digits that begin with the country code. The length and the country are checked, not whether the number is in use.
 */
export function parsePhone(text: string): string | undefined {
  if (!/^[+\d][\d\s().-]{5,30}$/.test(text)) return undefined;
  const digits = text.replace(/\D/g, '').replace(/^00/, '');
  const parsed = parsePhoneNumberFromString(`+${digits}`);
  return parsed?.isPossible() ? parsed.number.slice(1) : undefined;
}

/** A phone number in a request; becomes its digits. */
export const phoneSchema = z
  .string()
  .max(40)
  .transform((text, context) => {
    const phone = parsePhone(text);
    if (phone !== undefined) return phone;
    context.addIssue({
      code: 'custom',
      message: 'must be a phone number with its country code, such as +4915112345678',
    });
    return z.NEVER;
  })
  .describe('Phone number with its country code, with or without +');
