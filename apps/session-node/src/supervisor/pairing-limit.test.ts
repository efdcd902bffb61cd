import { describe, expect, it } from 'vitest';
import { SystemClock } from '#kernel';
import { PairingLimit } from './pairing-limit.js';

describe('PairingLimit', () => {
  it('allows three codes in ten minutes per number', () => {
    const limit = new PairingLimit(new SystemClock());
    for (let count = 0; count < 3; count += 1) limit.take('4915112345678');
    expect(() => limit.take('4915112345678')).toThrow(
      expect.objectContaining({ code: 'pairing_limit_reached', retryAfterSeconds: 600 }) as Error,
    );
    limit.take('4915112345679');
  });
});
