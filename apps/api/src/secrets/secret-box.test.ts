import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SecretBox, type SealedPlace } from './index.js';

const PLACE: SealedPlace = { tenantId: 'tnt_a', column: 'webhooks.secret', rowId: 'whk_a' };
const boxOf = () => new SecretBox({ ENCRYPTION_KEY: randomBytes(32).toString('hex') });

describe('SecretBox', () => {
  it('opens what it sealed, and never seals twice alike', () => {
    const box = boxOf();
    const [first, second] = [box.seal('whsec_ü', PLACE), box.seal('whsec_ü', PLACE)];
    expect(box.open(first, PLACE)).toBe('whsec_ü');
    expect(box.open(second, PLACE)).toBe('whsec_ü');
    expect(first.equals(second)).toBe(false);
    expect(first.includes('whsec')).toBe(false);
  });

  it.each([
    ['tenant', { tenantId: 'tnt_b' }],
    ['column', { column: 'webhooks.headers' }],
    ['row', { rowId: 'whk_b' }],
  ])('does not open at another %s', (_name, other) => {
    const box = boxOf();
    expect(() => box.open(box.seal('x', PLACE), { ...PLACE, ...other })).toThrow();
  });

  it('says so when the key is another', () => {
    const sealed = boxOf().seal('x', PLACE);
    expect(() => boxOf().open(sealed, PLACE)).toThrow('ENCRYPTION_KEY');
  });

  it('does not open what was changed, wherever', () => {
    const box = boxOf();
    const sealed = box.seal('secret', PLACE);
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => box.open(changed, PLACE), `byte ${String(at)}`).toThrow();
    }
  });
});
