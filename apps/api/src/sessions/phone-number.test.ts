import { describe, expect, it } from 'vitest';
import { parsePhone } from './phone-number.js';

describe('parsePhone', () => {
  it.each([
    ['+4915112345678', '4915112345678'],
    ['4915112345678', '4915112345678'],
    ['+49 (151) 123-456.78', '4915112345678'],
    ['0049 151 12345678', '4915112345678'],
    ['+1 202 555 0143', '12025550143'],
  ])('reads %s', (text, phone) => {
    expect(parsePhone(text)).toBe(phone);
  });

  it.each([
    '',
    '+',
    '12',
    '015112345678',
    '+4915',
    '+999123456789',
    '49151x2345678',
    '+49151123456789012345',
    'me',
  ])('refuses %j', (text) => {
    expect(parsePhone(text)).toBeUndefined();
  });
});
