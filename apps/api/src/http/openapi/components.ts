import { ERROR_CODES } from '#contracts';

/** Schema of every error answer. */
export const PROBLEM_SCHEMA = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code', 'requestId'],
  properties: {
    type: { type: 'string', description: '`urn:wagate:problem:<code>`' },
    title: { type: 'string', description: 'The name of the status' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'For people; may change' },
    code: { type: 'string', enum: [...ERROR_CODES], description: 'For machines; never renamed' },
    requestId: { type: 'string', description: 'Quote it when you ask the operator' },
    errors: {
      type: 'array',
      description: 'The fields that broke a rule',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: { path: { type: 'string' }, message: { type: 'string' } },
      },
    },
    outcome: {
      type: 'string',
      enum: ['not_sent', 'unknown'],
      description:
        'Whether what was asked for may have happened all the same. `not_sent`: it did not, repeat freely. `unknown`, and on a 5xx also when it is left out: repeat only with the Idempotency-Key that the request had, else look first',
    },
  },
};

/** Headers of every answer. */
export const RESPONSE_HEADERS = {
  'X-Request-Id': { description: 'Yours, or one of ours', schema: { type: 'string' } },
  'RateLimit-Limit': {
    description: 'Requests per window of the limit nearest to its end',
    schema: { type: 'string' },
  },
  'RateLimit-Remaining': { description: 'Requests left of it', schema: { type: 'string' } },
  'RateLimit-Reset': { description: 'Seconds until it is whole again', schema: { type: 'string' } },
  'RateLimit-Policy': {
    description: 'All limits that apply: requests, window in seconds, name',
    schema: { type: 'string' },
  },
} as const;

/** Headers of some answers. */
export const OTHER_HEADERS = {
  'Retry-After': {
    description: 'Seconds after which to try again, where that can be said',
    schema: { type: 'integer', minimum: 0 },
  },
  'WWW-Authenticate': { description: 'Always `Bearer`', schema: { type: 'string' } },
  Location: { description: 'Path of what the request made', schema: { type: 'string' } },
  'Idempotent-Replayed': {
    description:
      '`true` when this is the answer to an earlier request with the same Idempotency-Key; else left out',
    schema: { type: 'string' },
  },
} as const;
export type OtherHeader = keyof typeof OTHER_HEADERS;
