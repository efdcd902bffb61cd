import { Global, Module } from '@nestjs/common';
import { ThrottlerStorage } from '@nestjs/throttler';
import { Redis } from 'ioredis';
import { API_CONFIG, type ApiConfig } from '../config.js';
import { LocalTokenBuckets } from './local-token-buckets.js';
import { RateLimiter } from './rate-limiter.js';
import { SharedTokenBuckets } from './shared-token-buckets.js';
import { TokenBucketStorage } from './token-bucket-storage.js';

/** Rate limits: counted in Redis when there is one, else in this process. */
@Global()
@Module({
  providers: [
    RateLimiter,
    LocalTokenBuckets,
    { provide: ThrottlerStorage, useClass: TokenBucketStorage },
    {
      provide: SharedTokenBuckets,
      inject: [API_CONFIG],
      useFactory: ({ REDIS_URL }: ApiConfig) =>
        REDIS_URL
          ? new SharedTokenBuckets(
              new Redis(REDIS_URL, { maxRetriesPerRequest: 1, enableOfflineQueue: false }),
            )
          : null,
    },
  ],
  exports: [RateLimiter],
})
export class LimitsModule {}
