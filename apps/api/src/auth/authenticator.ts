import { Inject, Injectable } from '@nestjs/common';
import { AppError, Clock } from '#kernel';
import { RateLimiter } from '../limits/index.js';
import { isAllowedAddress } from './allowed-address.js';
import { parseApiKey } from './api-key-format.js';
import type { AuthContext } from './auth-context.js';
import type { StoredKey } from './auth-repository.js';
import { KeyCache } from './key-cache.js';
import { KeyHasher } from './key-hasher.js';
import { KeyUseRecorder } from './key-use-recorder.js';

const NO_HASH = Buffer.alloc(32);

/** Turns the key of a request into an AuthContext. Every refusal of a key reads the same, whatever is wrong with it. */
@Injectable()
export class Authenticator {
  constructor(
    private readonly keys: KeyCache,
    private readonly hasher: KeyHasher,
    private readonly uses: KeyUseRecorder,
    private readonly limiter: RateLimiter,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /**
   * @param address of the caller; too many failures from one address are answered 429 before the database is asked,
   *   while keys that were found valid a moment ago still pass
   * @throws AppError `unauthenticated`, `forbidden`, `tenant_suspended`, `rate_limited`
   */
  async authenticate(key: string | undefined, address: string): Promise<AuthContext> {
    const stored = key === undefined ? undefined : await this.find(key, address);
    // Hashed in any case, so that an unknown public id takes as long as a wrong secret.
    const matches = this.hasher.matches(key ?? '', stored?.secretHash ?? NO_HASH);
    if (!stored || !matches || !this.isAlive(stored)) {
      await this.limiter.takeAuthFailure(address);
      throw new AppError('unauthenticated', 'a valid API key is required');
    }
    if (stored.allowedIps !== null && !isAllowedAddress(address, stored.allowedIps)) {
      throw new AppError('forbidden', 'this API key may not be used from this address');
    }
    if (stored.tenantStatus === 'suspended')
      throw new AppError('tenant_suspended', 'this tenant is suspended');
    this.uses.record(stored.auth);
    return stored.auth;
  }

  private async find(key: string, address: string): Promise<StoredKey | undefined> {
    const parsed = parseApiKey(key);
    if (!parsed) return undefined;
    const known = this.keys.peek(parsed.publicId);
    if (known) return known;
    await this.limiter.assertAuthAllowed(address);
    return this.keys.find(parsed.publicId);
  }

  private isAlive({ revokedAt, expiresAt }: StoredKey): boolean {
    return revokedAt === null && (expiresAt === null || expiresAt > this.clock.now());
  }
}
