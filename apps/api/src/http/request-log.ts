import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { routeOf, type ApiReply, type ApiRequest } from './request.js';

/** Counts answered requests. */
export interface RequestObserver {
  observe(request: ApiRequest, reply: ApiReply): void;
}

/** Health probes, scrapes and heartbeats come every few seconds and say nothing. */
const QUIET = /^\/(health|metrics|docs|internal\/nodes)/;

/** One line per answered request: the route's pattern, never its URL, query or body. */
export function logRequests(fastify: FastifyInstance, logger: Logger, metrics: RequestObserver): void {
  fastify.addHook('onResponse', (request, reply, done) => {
    metrics.observe(request, reply);
    const route = routeOf(request);
    const line = {
      method: request.method,
      route,
      status: reply.statusCode,
      ms: Math.round((performance.now() - request.arrivedMs) * 10) / 10,
      requestId: request.id,
      tenantId: request.auth?.tenantId,
      keyId: request.auth?.keyId,
    };
    if (QUIET.test(route) && reply.statusCode < 400) logger.trace(line, 'request');
    else logger.info(line, 'request');
    done();
  });
}
