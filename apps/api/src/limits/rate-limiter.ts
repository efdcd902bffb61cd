import { Inject, Injectable } from '@nestjs/common';
import { ThrottlerStorage } from '@nestjs/throttler';
import { AppError } from '#kernel';
import { API_CONFIG, type ApiConfig } from '../config.js';
import { networkOf } from './network-of.js';
import type { BucketState } from './bucket-state.js';
import { LocalTokenBuckets } from './local-token-buckets.js';

/** Whose requests are counted. */
export interface Limited {
  tenantId: string;
  keyId: string;
  /** Requests per minute; null: the default of the process. */
  limits: { keyPerMinute: number | null; tenantPerMinute: number | null };
}

/** How one limit stands after a request. */
export interface LimitState extends BucketState {
  /** Which limit: of the API key, of its tenant, of failed authentications or of the caller's address. */
  name: 'key' | 'tenant' | 'auth' | 'address';
  limit: number;
}

export const WINDOW_SECONDS = 60;
const WINDOW_MS = WINDOW_SECONDS * 1000;
/** Requests without a key (public routes, unknown paths) per address and minute. */
const ANONYMOUS_PER_MINUTE = 600;

/** Requests per minute of keys, tenants and addresses. */
@Injectable()
export class RateLimiter {
  constructor(
    @Inject(ThrottlerStorage) private readonly storage: ThrottlerStorage,
    private readonly local: LocalTokenBuckets,
    @Inject(API_CONFIG) private readonly config: ApiConfig,
  ) {}

  /** Counts a request of a key against the key's and its tenant's limit. */
  async take(by: Limited): Promise<LimitState[]> {
    const keyLimit = by.limits.keyPerMinute ?? this.config.KEY_REQUESTS_PER_MINUTE;
    const tenantLimit = by.limits.tenantPerMinute ?? this.config.TENANT_REQUESTS_PER_MINUTE;
    return Promise.all([
      this.count('key', by.keyId, keyLimit),
      this.count('tenant', by.tenantId, tenantLimit),
    ]);
  }

  /** Counts a request without a key. */
  takeAnonymous(address: string): LimitState {
    return this.countHere('address', networkOf(address), ANONYMOUS_PER_MINUTE);
  }

  /** How the limit on failed authentications stands for an address. */
  failureState(address: string): LimitState {
    const limit = this.config.AUTH_FAILURES_PER_MINUTE;
    return { name: 'auth', limit, ...this.local.peek(`auth:${networkOf(address)}`, WINDOW_MS, limit) };
  }

  /** Throws AppError `rate_limited` while an address has failed too often. */
  async assertAuthAllowed(address: string): Promise<void> {
    this.assertAllowed([this.failureState(address)]);
  }

  /** Counts a failed authentication; throws AppError `rate_limited` when it is one too many. */
  async takeAuthFailure(address: string): Promise<void> {
    this.assertAllowed([this.countHere('auth', networkOf(address), this.config.AUTH_FAILURES_PER_MINUTE)]);
  }

  /** Throws AppError `rate_limited` that names the first limit that is used up. */
  assertAllowed(states: LimitState[]): void {
    const refused = states.find((state) => !state.allowed);
    if (!refused) return;
    const { name, limit, retryAfterSeconds } = refused;
    throw new AppError(
      'rate_limited',
      `${DESCRIPTION[name]}: ${limit} per minute; try again in ${retryAfterSeconds} s`,
      {
        retryAfterSeconds,
        details: [{ path: `limit.${name}`, message: `at most ${limit} per ${WINDOW_SECONDS} s` }],
      },
    );
  }

  private async count(name: 'key' | 'tenant', id: string, limit: number): Promise<LimitState> {
    const record = await this.storage.increment(`${name}:${id}`, WINDOW_MS, limit, 0, name);
    return {
      name,
      limit,
      allowed: !record.isBlocked,
      remaining: Math.max(0, limit - record.totalHits),
      resetSeconds: record.timeToExpire,
      retryAfterSeconds: record.timeToBlockExpire,
    };
  }

  private countHere(name: LimitState['name'], id: string, limit: number): LimitState {
    return { name, limit, ...this.local.take(`${name}:${id}`, WINDOW_MS, limit) };
  }
}

const DESCRIPTION: Record<LimitState['name'], string> = {
  key: 'too many requests with this API key',
  tenant: 'too many requests of this tenant',
  auth: 'too many failed authentications from this address',
  address: 'too many requests without an API key from this address',
};
