import { Inject, Injectable } from '@nestjs/common';
import { ThrottlerStorage } from '@nestjs/throttler';
import type { Logger } from 'pino';
import { AppError, withDeadline } from '#kernel';
import { API_CONFIG, type ApiConfig } from '../config.js';
import { LOGGER } from '../http/logger.js';
import { TokenBucketStorage, type ThrottlerRecord } from './token-bucket-storage.js';

/** Whose requests are counted. */
export interface Limited {
  tenantId: string;
  keyId: string;
  /** Requests per minute; null: the default of the process. */
  limits: { keyPerMinute: number | null; tenantPerMinute: number | null };
}

/** How one limit stands after a request. */
export interface LimitState {
  /** Which limit: of the API key, of its tenant, of failed authentications or of the caller's address. */
  name: 'key' | 'tenant' | 'auth' | 'address';
  limit: number;
  remaining: number;
  resetSeconds: number;
  allowed: boolean;
  retryAfterSeconds: number;
}

export const WINDOW_SECONDS = 60;
const WINDOW_MS = WINDOW_SECONDS * 1000;
/** Requests without a key (public routes, unknown paths) per address and minute. */
const ANONYMOUS_PER_MINUTE = 600;
const STORAGE_TIMEOUT_MS = 500;

/** Requests per minute of keys, tenants and addresses. */
@Injectable()
export class RateLimiter {
  constructor(
    @Inject(ThrottlerStorage) private readonly storage: ThrottlerStorage,
    private readonly local: TokenBucketStorage,
    @Inject(API_CONFIG) private readonly config: ApiConfig,
    @Inject(LOGGER) private readonly logger: Logger,
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
    return stateOf(
      'address',
      ANONYMOUS_PER_MINUTE,
      this.local.take(`address:${address}`, WINDOW_MS, ANONYMOUS_PER_MINUTE),
    );
  }

  /** How the limit on failed authentications stands for an address. */
  failureState(address: string): LimitState {
    const limit = this.config.AUTH_FAILURES_PER_MINUTE;
    return stateOf('auth', limit, this.local.peek(`auth:${address}`, WINDOW_MS, limit));
  }

  /** Throws AppError `rate_limited` while an address has failed too often. */
  async assertAuthAllowed(address: string): Promise<void> {
    this.assertAllowed([this.failureState(address)]);
  }

  /** Counts a failed authentication; throws AppError `rate_limited` when it is one too many. */
  async takeAuthFailure(address: string): Promise<void> {
    const limit = this.config.AUTH_FAILURES_PER_MINUTE;
    this.assertAllowed([stateOf('auth', limit, this.local.take(`auth:${address}`, WINDOW_MS, limit))]);
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

  /** When the shared storage is away, this process counts for itself: a broken Redis must not stop the API. */
  private async count(name: 'key' | 'tenant', id: string, limit: number): Promise<LimitState> {
    if (this.storage === this.local)
      return stateOf(name, limit, this.local.take(`${name}:${id}`, WINDOW_MS, limit));
    try {
      const counting = this.storage.increment(`wagate:${name}:${id}`, WINDOW_MS, limit, 0, name);
      return stateOf(name, limit, await withDeadline(counting, STORAGE_TIMEOUT_MS, 'the rate limit storage'));
    } catch (error) {
      this.logger.warn({ err: error }, 'rate limits are counted per process for now');
      return stateOf(name, limit, this.local.take(`${name}:${id}`, WINDOW_MS, limit));
    }
  }
}

const DESCRIPTION: Record<LimitState['name'], string> = {
  key: 'too many requests with this API key',
  tenant: 'too many requests of this tenant',
  auth: 'too many failed authentications from this address',
  address: 'too many requests without an API key from this address',
};

function stateOf(name: LimitState['name'], limit: number, record: ThrottlerRecord): LimitState {
  const allowed = !record.isBlocked && record.totalHits <= limit;
  return {
    name,
    limit,
    remaining: Math.max(0, limit - record.totalHits),
    resetSeconds: Math.max(0, record.timeToExpire),
    allowed,
    retryAfterSeconds: allowed
      ? 0
      : Math.max(1, record.timeToBlockExpire > 0 ? record.timeToBlockExpire : record.timeToExpire),
  };
}
