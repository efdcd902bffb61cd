import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Logger } from 'pino';
import { AppModule } from './app.module.js';
import { RequestGate } from './auth/request-gate.js';
import type { ApiConfig } from './config.js';
import { Metrics } from './health/index.js';
import { assertNotBrokenOff } from './http/answer-problem.js';
import { ApiAdapter } from './http/api-adapter.js';
import { API_PREFIX, NestLogger } from './http/index.js';
import { drainRefusedBodies } from './http/drain-refused-bodies.js';
import { noticeForwarded } from './http/forwarded-notice.js';
import { logRequests } from './http/request-log.js';
import { setSecurityHeaders } from './http/security-headers.js';
import { serveOpenApi } from './openapi.js';

/** Routes outside the API: they are for machines of the operator, not for tenants. */
const UNPREFIXED = ['health/{*path}', 'metrics', 'internal/{*path}'];

/**
 * The whole api, ready for `listen`. The database must have been migrated.
 * @param options.preview nothing is started or connected: only good for looking at its routes
 */
export async function createApp(
  config: ApiConfig,
  logger: Logger,
  { preview = false } = {},
): Promise<NestFastifyApplication> {
  const adapter = new ApiAdapter({ logger, trustedProxyHops: config.TRUSTED_PROXY_HOPS });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.forRoot(config, logger), adapter, {
    bodyParser: false,
    logger: new NestLogger(logger),
    abortOnError: false,
    preview,
  });
  app.setGlobalPrefix(API_PREFIX, { exclude: UNPREFIXED });
  if (preview) return app;
  const fastify = app.getHttpAdapter().getInstance();
  const gate = app.get(RequestGate, { strict: false });
  fastify.addHook('onRequest', (request, reply, done) => {
    setSecurityHeaders(request, reply, config);
    done();
  });
  adapter.onUnroutable((request, reply) => {
    setSecurityHeaders(request, reply, config);
    gate.enterUnknown(request, reply);
  });
  drainRefusedBodies(fastify);
  noticeForwarded(fastify, logger, config.TRUSTED_PROXY_HOPS);
  logRequests(fastify, logger, app.get(Metrics, { strict: false }));
  fastify.addHook('onRequest', async (request, reply) => {
    await gate.enter(request, reply);
    assertNotBrokenOff(request);
  });
  serveOpenApi(app, config);
  return app;
}
