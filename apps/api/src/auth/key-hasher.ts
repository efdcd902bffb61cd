import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';
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

  private readonly pepper: KeyObject;

  constructor(@Inject(API_CONFIG) config: Pick<ApiConfig, 'KEY_PEPPER'>) {
    this.pepper = createSecretKey(config.KEY_PEPPER, 'utf8');
  }

  hash(key: string): Buffer {
    return createHmac('sha256', this.pepper).update(key).digest();
  }

  matches(key: string, hash: Buffer): boolean {
    const given = this.hash(key);
    return given.length === hash.length && timingSafeEqual(given, hash);
  }
}
