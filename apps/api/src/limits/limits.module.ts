import { Global, Module } from '@nestjs/common';
import { ThrottlerStorageRedisService } from '@nest-lab/throttler-storage-redis';
import { ThrottlerStorage } from '@nestjs/throttler';
import { Redis } from 'ioredis';
import { API_CONFIG, type ApiConfig } from '../config.js';
import { DailyCap } from './daily-cap.js';
import { RateLimiter } from './rate-limiter.js';
import { RedisConnection } from './redis-connection.js';
import { TokenBucketStorage } from './token-bucket-storage.js';

/** Rate limits and daily caps. Counted in Redis when there is one, else in this process. */
@Global()
@Module({
  providers: [
    RateLimiter,
    DailyCap,
    TokenBucketStorage,
    {
      provide: RedisConnection,
      inject: [API_CONFIG],
      useFactory: ({ REDIS_URL }: ApiConfig) =>
        new RedisConnection(
          REDIS_URL
            ? new Redis(REDIS_URL, { maxRetriesPerRequest: 1, enableOfflineQueue: false })
            : undefined,
        ),
    },
    {
      provide: ThrottlerStorage,
      inject: [RedisConnection, TokenBucketStorage],
      useFactory: ({ client }: RedisConnection, local: TokenBucketStorage) =>
        client ? new ThrottlerStorageRedisService(client) : local,
    },
  ],
  exports: [RateLimiter, DailyCap],
})
export class LimitsModule {}
