import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';

/**
 * Warns, once, when a request came through a reverse proxy and none is trusted: then all clients count as the proxy's
 * one address, for limits and for the addresses that keys allow. No address is logged.
 */
export function noticeForwarded(fastify: FastifyInstance, logger: Logger, trustedProxyHops: number): void {
  if (trustedProxyHops > 0) return;
  let isTold = false;
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (!isTold && request.headers['x-forwarded-for'] !== undefined) {
      isTold = true;
      logger.warn(
        'a request carries X-Forwarded-For, but TRUSTED_PROXY_HOPS is 0: if there is a reverse proxy, all clients count as one address; set it to the number of proxies',
      );
    }
    done();
  });
}
