import type { FastifyReply, FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** Monotonic milliseconds at arrival. */
    arrivedMs: number;
  }
}

export type ApiRequest = FastifyRequest;
export type ApiReply = FastifyReply;

/** Where the API lives; everything under it needs a key unless marked `@Public()`. */
export const API_PREFIX = '/api/v1';

/** The pattern of the route that was matched, as in `/api/v1/sessions/:session`; never the URL itself. */
export function routeOf(request: ApiRequest): string {
  return request.routeOptions.url ?? 'unknown';
}
