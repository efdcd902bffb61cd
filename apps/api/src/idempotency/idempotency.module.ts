import { Global, Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { IdempotencyInterceptor } from './idempotency-interceptor.js';
import { IdempotencyPurge } from './idempotency-purge.js';
import { IdempotencyService } from './idempotency.service.js';

@Global()
@Module({
  providers: [
    IdempotencyService,
    IdempotencyPurge,
    { provide: APP_INTERCEPTOR, useClass: IdempotencyInterceptor },
  ],
  exports: [IdempotencyService],
})
export class IdempotencyModule {}
