import { AppError } from '#kernel';
import type { RefusedDraft } from './accept-repository.js';

/** What the caller is told of a draft that the database did not accept. */
export function refusal(outcome: RefusedDraft['outcome']): AppError {
  switch (outcome) {
    case 'key_reused':
      return new AppError('idempotency_key_reused', 'this Idempotency-Key was used for a different request');
    case 'in_progress':
      return new AppError('idempotency_in_progress', 'a request with this Idempotency-Key is still running', {
        retryAfterSeconds: 1,
      });
    case 'tenant_cap':
    case 'session_cap':
      return capReached(outcome === 'tenant_cap' ? 'tenant' : 'session');
    case 'session_gone':
      return new AppError('not_found', 'there is no such session');
    case 'media_gone':
      return new AppError('not_found', 'there is no such media');
    case 'opted_out':
      return new AppError('recipient_opted_out', 'the recipient asked not to be written to', {
        details: [{ path: 'to', message: 'must not be of somebody who opted out' }],
        outcome: 'not_sent',
      });
    default:
      return new AppError(
        'internal',
        'something went wrong on our side; quote the request id when you report it',
      );
  }
}

function capReached(whose: 'tenant' | 'session'): AppError {
  const now = new Date();
  const resetMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() + 1);
  return new AppError(
    'daily_limit_reached',
    `the ${whose}'s daily message limit is reached; it starts anew at 00:00 UTC`,
    {
      retryAfterSeconds: Math.ceil((resetMs - now.getTime()) / 1_000),
      details: [{ path: `limit.${whose}`, message: 'messages per UTC day' }],
      outcome: 'not_sent',
    },
  );
}
