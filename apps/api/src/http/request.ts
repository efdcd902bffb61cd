import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AuthContext } from '../auth/auth-context.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; set by the request gate before the body is read, undefined on public routes without a key. */
    auth?: AuthContext;
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
