import type { Server } from 'node:http';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Logger } from 'pino';
import { withDeadline } from '#kernel';
import { API_CONFIG, type ApiConfig } from './config.js';
import { HealthRegistry } from './health/index.js';
import { LOGGER } from './http/index.js';

/**
 * The first step of the end, ahead of everything that serves requests: `/health/ready` says 503, no connection is
 * accepted, running requests end. Queues and workers follow (`beforeApplicationShutdown`), then what they lean on,
 * the database above all (`onApplicationShutdown`).
 */
@Injectable()
export class RequestShutdown implements OnModuleDestroy {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly health: HealthRegistry,
    @Inject(API_CONFIG) private readonly config: Pick<ApiConfig, 'SHUTDOWN_TIMEOUT_SECONDS'>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onModuleDestroy(): Promise<void> {
    this.health.leave();
    const { httpAdapter } = this.host;
    const timeoutMs = this.config.SHUTDOWN_TIMEOUT_SECONDS * 1_000;
    try {
      await withDeadline(Promise.resolve(httpAdapter.close()), timeoutMs, 'ending the running requests');
    } catch (err) {
      this.logger.warn({ err }, 'requests were still running at shutdown');
      (httpAdapter.getHttpServer() as Server).closeAllConnections();
    }
  }
}
