import type { FastifyInstance } from 'fastify';
import type { ApiConfig } from '../config.js';

const DOCS = /^\/docs(\/|$|\?)/;
const DOCS_POLICY =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
const API_POLICY = "default-src 'none'; frame-ancestors 'none'";

/** Headers that tell browsers to do nothing clever with our answers. A route may set its own before. */
export function setSecurityHeaders(fastify: FastifyInstance, config: Pick<ApiConfig, 'PUBLIC_URL'>): void {
  const secure = config.PUBLIC_URL?.startsWith('https:') ?? false;
  fastify.addHook('onRequest', (request, reply, done) => {
    const isDocs = DOCS.test(request.url);
    void reply.headers({
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      'X-Frame-Options': 'DENY',
      'Content-Security-Policy': isDocs ? DOCS_POLICY : API_POLICY,
      ...(isDocs ? {} : { 'Cache-Control': 'no-store' }),
      ...(secure ? { 'Strict-Transport-Security': 'max-age=31536000' } : {}),
    });
    done();
  });
}
