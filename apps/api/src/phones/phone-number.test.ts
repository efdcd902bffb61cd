import { describe, expect, it } from 'vitest';
import { parsePhone, phoneSchema } from './phone-number.js';

describe('a phone number', () => {
  it.each([
    ['+4915112345678', '4915112345678'],
    ['4915112345678', '4915112345678'],
    ['+49 (151) 123-456.78', '4915112345678'],
    [' +49\u00a0151 12345678 ', '4915112345678'],
    ['+1 202 555 0143', '12025550143'],
  ])('is read from %s', (text, digits) => {
    expect(parsePhone(text)).toEqual({ digits });
  });

  it.each([
    ['', 'not a phone number'],
    ['+', 'not a phone number'],
    ['me', 'not a phone number'],
    ['49151x2345678', 'not a phone number'],
    ['+49151\u000012345678', 'not a phone number'],
    ['015112345678', 'begins with 0'],
    ['0049 151 12345678', 'begins with 0'],
    ['12', 'short|exists'],
    ['+4915', 'short|exists'],
    ['+49151123456789012345', 'long'],
    ['+999123456789', 'country code'],
  ])('is refused for %j, with the rule', (text, rule) => {
    expect(parsePhone(text)).toEqual({ broken: expect.stringMatching(new RegExp(rule)) as string });
  });

  it('is named by its rule in a request, not repeated', () => {
    const { error } = phoneSchema.safeParse('+4915');
    expect(error?.issues[0]?.message).toContain('must be a phone number');
    expect(error?.issues[0]?.message).not.toContain('4915 ');
  });
});
