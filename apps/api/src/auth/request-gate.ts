import { Injectable } from '@nestjs/common';
import { API_PREFIX, type ApiReply, type ApiRequest } from '../http/request.js';
import { RateLimiter, setRateLimitHeaders } from '../limits/index.js';
import { Authenticator } from './authenticator.js';

/**
 * Stands before everything else, as a Fastify hook: who asks and whether the limits allow it is settled before a byte
 * of the body is read, and the limit headers are on every answer, also on those that Nest never sees.
 */
@Injectable()
export class RequestGate {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly limiter: RateLimiter,
  ) {}

  async enter(request: ApiRequest, reply: ApiReply): Promise<void> {
    if (!(request.routeOptions.url ?? request.url).startsWith(`${API_PREFIX}/`)) return;
    const config = request.routeOptions.config as { public?: boolean };
    const key = presentedKey(request);
    if (key === undefined && (config.public || request.routeOptions.url === undefined)) {
      this.enterUnknown(request, reply);
      return;
    }
    setRateLimitHeaders(reply, [this.limiter.failureState(request.ip)]);
    request.auth = await this.authenticator.authenticate(key, request.ip);
    const states = await this.limiter.take(request.auth);
    setRateLimitHeaders(reply, states);
    this.limiter.assertAllowed(states);
  }

  /** Whether the key of a request that is still running is good yet. @throws AppError when it is not */
  async assertStillAllowed(request: ApiRequest): Promise<void> {
    await this.authenticator.authenticate(presentedKey(request), request.ip);
  }

  /** Counts a request of whoever it may be. @throws AppError `rate_limited` */
  enterUnknown(request: ApiRequest, reply: ApiReply): void {
    const states = [this.limiter.takeAnonymous(request.ip)];
    setRateLimitHeaders(reply, states);
    this.limiter.assertAllowed(states);
  }
}

/** `Authorization: Bearer` or `ApiKey`, or `X-API-Key`. A key in the URL is not looked for. */
function presentedKey(request: ApiRequest): string | undefined {
  const { authorization } = request.headers;
  if (authorization !== undefined) {
    const [, scheme, key] = /^(\S+)\s+(\S+)\s*$/.exec(authorization) ?? [];
    return scheme && /^(bearer|apikey)$/i.test(scheme) ? key : '';
  }
  const header = request.headers['x-api-key'];
  return typeof header === 'string' ? header : undefined;
}
