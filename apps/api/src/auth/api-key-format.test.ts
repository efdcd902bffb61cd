import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateApiKey, parseApiKey } from './api-key-format.js';

describe('API keys', () => {
  it('have the documented form and tell their mode and public id', () => {
    for (const mode of ['live', 'test'] as const) {
      const { key, publicId } = generateApiKey(mode);
      expect(key).toMatch(new RegExp(`^wg_${mode}_[0-9A-Za-z]{10}_[0-9A-Za-z]{49}$`));
      expect(parseApiKey(key)).toEqual({ mode, publicId });
    }
  });

  it('never repeat', () => {
    const keys = Array.from({ length: 1000 }, () => generateApiKey('test').key);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('with one character changed, or two swapped, are not keys', () => {
    const { key } = generateApiKey('live');
    fc.assert(
      fc.property(fc.nat(key.length - 1), fc.constantFrom(...'abcXYZ019_'), (at, letter) => {
        fc.pre(key[at] !== letter);
        expect(parseApiKey(key.slice(0, at) + letter + key.slice(at + 1))).toBeUndefined();
      }),
    );
    fc.assert(
      fc.property(fc.nat(key.length - 2), (at) => {
        fc.pre(key[at] !== key[at + 1]);
        const swapped = key.slice(0, at) + (key[at + 1] ?? '') + (key[at] ?? '') + key.slice(at + 2);
        expect(parseApiKey(swapped)).toBeUndefined();
      }),
    );
  });

  it('are told from any other text', () => {
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => parseApiKey(text) === undefined));
  });
});
