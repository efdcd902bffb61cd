import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { API_CONFIG, type ApiConfig } from '../config.js';

/**
 * HMAC-SHA256 of whole keys under the pepper. A slow password hash would add nothing for a secret of 256 random bits
 * and would let anyone burn our processor with wrong keys.
 */
@Injectable()
export class KeyHasher {
  /** Stored with each hash, for the day the pepper is replaced. */
  readonly pepperVersion = 1;
  private readonly matched = new WeakMap<Buffer, Buffer>();

  constructor(@Inject(API_CONFIG) private readonly config: Pick<ApiConfig, 'KEY_PEPPER'>) {}

  hash(key: string): Buffer {
    return createHmac('sha256', this.config.KEY_PEPPER).update(key).digest();
  }

  /** The plain digest of a key that was found to match is remembered as long as `stored` is: it takes a third of the time. */
  matches(key: string, stored: Buffer): boolean {
    const digest = hash('sha256', key, 'buffer');
    const known = this.matched.get(stored);
    if (known && timingSafeEqual(known, digest)) return true;
    const given = this.hash(key);
    const matches = given.length === stored.length && timingSafeEqual(given, stored);
    if (matches) this.matched.set(stored, digest);
    return matches;
  }
}
