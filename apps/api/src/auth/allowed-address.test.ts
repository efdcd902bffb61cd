import { describe, expect, it } from 'vitest';
import { isAddressRange, isAllowedAddress } from './allowed-address.js';

describe('an address list', () => {
  it.each([
    ['203.0.113.5', '203.0.113.5', true],
    ['203.0.113.5', '203.0.113.0/24', true],
    ['203.0.114.5', '203.0.113.0/24', false],
    ['::ffff:203.0.113.5', '203.0.113.0/24', true],
    ['2001:db8::7', '2001:db8::/32', true],
    ['2001:db9::7', '2001:db8::/32', false],
    ['203.0.113.5', '2001:db8::/32', false],
    ['not an address', '0.0.0.0/0', false],
  ])('with %s from %s: %s', (address, entry, allowed) => {
    expect(isAllowedAddress(address, [entry])).toBe(allowed);
  });

  it('takes addresses and ranges as people write them, and nothing that only a parser reads', () => {
    for (const good of ['203.0.113.5', '203.0.113.0/24', '2001:db8::/32', '::1'])
      expect(isAddressRange(good), good).toBe(true);
    for (const bad of ['', 'example.com', '203.0.113.0/33', '2130706433', '0x7f.1', '127.1', '1.2.3.4/']) {
      expect(isAddressRange(bad), bad).toBe(false);
    }
  });
});
