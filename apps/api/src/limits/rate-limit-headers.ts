import type { ApiReply } from '../http/request.js';
import { WINDOW_SECONDS, type LimitState } from './rate-limiter.js';

/**
 * `RateLimit-Limit`, `-Remaining` and `-Reset` of the limit that is nearest to its end, and `RateLimit-Policy` with all
 * of them (draft-ietf-httpapi-ratelimit-headers, in its widely used form of separate fields).
 */
export function setRateLimitHeaders(reply: ApiReply, states: LimitState[]): void {
  const [nearest] = [...states].sort((a, b) => share(a) - share(b));
  if (!nearest) return;
  void reply.headers({
    'RateLimit-Limit': String(nearest.limit),
    'RateLimit-Remaining': String(nearest.remaining),
    'RateLimit-Reset': String(nearest.resetSeconds),
    'RateLimit-Policy': states
      .map(({ name, limit }) => `${limit};w=${WINDOW_SECONDS};name="${name}"`)
      .join(', '),
  });
}

function share({ allowed, remaining, limit }: LimitState): number {
  return allowed ? remaining / limit : -1;
}
