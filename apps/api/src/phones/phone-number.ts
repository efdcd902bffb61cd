import { parsePhoneNumberWithError, ParseError } from 'libphonenumber-js/max';
import { z } from 'zod';

/** The digits of a phone number (E.164 without +), or the rule that the text breaks. */
export type ParsedPhone = { digits: string } | { broken: string };

const NOT_A_NUMBER = 'is not a phone number';
const BROKEN: Record<string, string> = {
  INVALID_COUNTRY: 'begins with no known country code',
  TOO_SHORT: 'is too short for a phone number of its country',
  TOO_LONG: 'is too long for a phone number of its country',
};
const SEPARATORS = /[\s().\u00a0-]/g;

/**
 * Reads a phone number with its country code: `+49 151 …` or plain digits, with the separators that people write. It
 * has to be one that its country gives out; whether it is in use is not known here.
 */
export function parsePhone(text: string): ParsedPhone {
  const digits = text.trim().replace(SEPARATORS, '').replace(/^\+/, '');
  if (!/^\d+$/.test(digits)) return { broken: NOT_A_NUMBER };
  if (digits.startsWith('0')) return { broken: 'lacks the country code: it begins with 0' };
  try {
    const number = parsePhoneNumberWithError(`+${digits}`);
    return number.isValid()
      ? { digits: number.number.slice(1) }
      : { broken: 'is not a number that exists in its country' };
  } catch (error) {
    if (error instanceof ParseError) return { broken: BROKEN[error.message] ?? NOT_A_NUMBER };
    throw error;
  }
}

/** A phone number in a request; becomes its digits. */
export const phoneSchema = z
  .string()
  .max(40)
  .transform((text, context) => {
    const phone = parsePhone(text);
    if ('digits' in phone) return phone.digits;
    context.addIssue({
      code: 'custom',
      message: `${phone.broken}; must be a phone number with its country code, such as +4915112345678`,
    });
    return z.NEVER;
  })
  .describe('Phone number with its country code, with or without +');
