import { Global, Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER, APP_PIPE } from '@nestjs/core';
import type { Logger } from 'pino';
import { DatabaseModule } from '#database';
import { Clock, SystemClock } from '#kernel';
import { ApiKeysModule } from './api-keys/index.js';
import { ApiProcess } from './api-process.js';
import { AuditModule } from './audit/index.js';
import { AuthModule } from './auth/index.js';
import { ChatsModule } from './chats/index.js';
import { API_CONFIG, type ApiConfig } from './config.js';
import { ContactsModule } from './contacts/index.js';
import { EventFeedModule } from './event-feed/index.js';
import { EventsModule } from './events/index.js';
import { HealthModule } from './health/index.js';
import { LOGGER } from './http/index.js';
import { ProblemFilter } from './http/problem-filter.js';
import { ZodPipe } from './http/zod-pipe.js';
import { IdempotencyModule } from './idempotency/index.js';
import { LimitsModule } from './limits/index.js';
import { MediaModule } from './media/index.js';
import { MessagesModule } from './messages/index.js';
import { NodesModule } from './nodes/index.js';
import { OptOutsModule } from './opt-outs/index.js';
import { PacingModule } from './pacing/index.js';
import { RequestShutdown } from './request-shutdown.js';
import { RetentionModule } from './retention/index.js';
import { SessionsModule } from './sessions/index.js';
import { TenantsModule } from './tenants/index.js';
import { UsageModule } from './usage/index.js';
import { WebhooksModule } from './webhooks/index.js';

/** The features of the API; a new one is one line here. */
const FEATURES = [
  AuditModule,
  EventsModule,
  LimitsModule,
  IdempotencyModule,
  AuthModule,
  TenantsModule,
  ApiKeysModule,
  UsageModule,
  HealthModule,
  NodesModule,
  SessionsModule,
  ChatsModule,
  ContactsModule,
  MediaModule,
  PacingModule,
  MessagesModule,
  OptOutsModule,
  RetentionModule,
  EventFeedModule,
  WebhooksModule,
];

/** What every feature gets injected without asking for it: the config, the logger, the clock, the database. */
@Global()
@Module({})
export class AppModule {
  static forRoot(config: ApiConfig, logger: Logger): DynamicModule {
    const self = new ApiProcess();
    return {
      module: AppModule,
      imports: [
        DatabaseModule.forRoot({
          url: config.DATABASE_URL,
          poolSize: config.DATABASE_POOL_SIZE,
          applicationName: self.name,
          notice: (message, err) => logger.warn({ err }, message),
        }),
        ...FEATURES,
      ],
      providers: [
        { provide: API_CONFIG, useValue: config },
        { provide: LOGGER, useValue: logger },
        { provide: ApiProcess, useValue: self },
        RequestShutdown,
        { provide: Clock, useClass: SystemClock },
        { provide: APP_PIPE, useClass: ZodPipe },
        { provide: APP_FILTER, useClass: ProblemFilter },
      ],
      exports: [API_CONFIG, LOGGER, ApiProcess, Clock],
    };
  }
}
