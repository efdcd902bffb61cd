import { expect, it } from 'vitest';
import { generateApiKey } from './api-key-format.js';
import { KeyHasher } from './key-hasher.js';

const hasher = new KeyHasher({ KEY_PEPPER: 'a pepper of at least thirty-two bytes' });

it('knows the key of a hash, however often it is asked, and no other one before or after', () => {
  const { key } = generateApiKey('test');
  const { key: other } = generateApiKey('test');
  const stored = hasher.hash(key);
  for (let round = 0; round < 3; round += 1) {
    for (const wrong of [other, `${key}x`, key.slice(0, -1), '', stored.toString('hex')])
      expect(hasher.matches(wrong, stored)).toBe(false);
    expect(hasher.matches(key, stored)).toBe(true);
  }
  expect(hasher.matches(key, hasher.hash(other))).toBe(false);
});

it('does not know it under another pepper', () => {
  const { key } = generateApiKey('test');
  const stored = hasher.hash(key);
  expect(hasher.matches(key, stored)).toBe(true);
  expect(new KeyHasher({ KEY_PEPPER: 'another one of at least thirty-two bytes' }).matches(key, stored)).toBe(
    false,
  );
});
