import { createHmac, timingSafeEqual } from 'node:crypto';
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

  constructor(@Inject(API_CONFIG) private readonly config: Pick<ApiConfig, 'KEY_PEPPER'>) {}

  hash(key: string): Buffer {
    return createHmac('sha256', this.config.KEY_PEPPER).update(key).digest();
  }

  matches(key: string, hash: Buffer): boolean {
    const given = this.hash(key);
    return given.length === hash.length && timingSafeEqual(given, hash);
  }
}
