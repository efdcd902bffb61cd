import { HttpException } from '@nestjs/common';
import { STATUS_CODES } from 'node:http';
import { ZodError } from 'zod';
import { ERROR_STATUS, type ErrorCode } from '#contracts';
import { isDatabaseUnavailable, isUnstorableValue } from '#database';
import { AppError } from '#kernel';
import { detailsOf } from './zod-details.js';

/** The body of every error answer (RFC 9457, with our `code`, `requestId` and `errors`). */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  requestId: string;
  errors?: { path: string; message: string }[];
  /** For a failed side effect: whether it may have happened. */
  outcome?: 'not_sent' | 'unknown';
}

export const PROBLEM_CONTENT_TYPE = 'application/problem+json; charset=utf-8';

const INTERNAL = new AppError(
  'internal',
  'something went wrong on our side; quote the request id when you report it',
);

/** Fastify's own refusals (fastify.dev/docs/latest/Reference/Errors), by their code. */
const FASTIFY_CODES: Record<string, [ErrorCode, string]> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported_media_type',
    'this content type is not accepted here; send application/json',
  ],
  FST_ERR_CTP_INVALID_CONTENT_TYPE: ['unsupported_media_type', 'the Content-Type header is not readable'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['payload_too_large', 'the request body is larger than allowed'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['invalid_request', 'the body is not as long as Content-Length says'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['invalid_json', 'the body is empty'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['invalid_json', 'the body is not valid JSON'],
  FST_ERR_BAD_URL: ['invalid_request', 'the URL is not readable'],
  FST_ERR_MAX_PARAM_LENGTH: ['invalid_request', 'a part of the path is too long'],
};

const STATUS_FALLBACK: Record<number, [ErrorCode, string]> = {
  400: ['invalid_request', 'the request is not readable'],
  401: ['unauthenticated', 'a valid API key is required'],
  403: ['forbidden', 'this is not allowed'],
  404: ['not_found', 'there is nothing here'],
  405: ['method_not_allowed', 'this method is not allowed here'],
  413: ['payload_too_large', 'the request is larger than allowed'],
  415: ['unsupported_media_type', 'this content type is not accepted here'],
  416: ['range_not_satisfiable', 'the requested range is not in the object'],
  429: ['rate_limited', 'too many requests'],
  503: ['service_unavailable', 'not available now; try again'],
};

/** Any thrown thing as the AppError that a caller may see; what is unknown becomes `internal` and shows nothing. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof ZodError) {
    return new AppError('invalid_request', 'the request breaks a rule', {
      details: detailsOf(error),
      cause: error,
    });
  }
  const known = knownFailure(error);
  if (known) return new AppError(known[0], known[1], { cause: error });
  if (isDatabaseUnavailable(error)) {
    return new AppError('service_unavailable', 'the database is not available; try again', {
      cause: error,
      retryAfterSeconds: 1,
    });
  }
  if (isUnstorableValue(error)) {
    return new AppError('invalid_request', 'a value of the request cannot be stored', { cause: error });
  }
  return INTERNAL;
}

function knownFailure(error: unknown): [ErrorCode, string] | undefined {
  if (error instanceof HttpException) return STATUS_FALLBACK[error.getStatus()];
  if (!(error instanceof Error)) return undefined;
  const { code, statusCode } = error as Error & { code?: unknown; statusCode?: unknown };
  if (typeof code === 'string' && FASTIFY_CODES[code]) return FASTIFY_CODES[code];
  // The JSON parser's refusals (broken JSON, prototype poisoning) carry only a status.
  if (error instanceof SyntaxError && statusCode === 400) return FASTIFY_CODES.FST_ERR_CTP_INVALID_JSON_BODY;
  if (typeof code === 'string' && code.startsWith('FST_') && typeof statusCode === 'number')
    return STATUS_FALLBACK[statusCode];
  return undefined;
}

/** To "try again" is no advice where it may happen twice. */
function detailOfUnknown(message: string): string {
  const what = message.replace(/; try again$/, '');
  return `${what}; it is not known whether the request was carried out: repeat it only with the Idempotency-Key that it had, else look first`;
}

/** What still comes while the app closes. */
export const SHUTTING_DOWN = new AppError('service_unavailable', 'this server is shutting down; try again', {
  outcome: 'not_sent',
  retryAfterSeconds: 1,
});

/** The answer's body for an error. */
export function toProblem(error: AppError, requestId: string): Problem {
  const status = ERROR_STATUS[error.code];
  return {
    type: `urn:wagate:problem:${error.code}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: status >= 500 && error.outcome === 'unknown' ? detailOfUnknown(error.message) : error.message,
    code: error.code,
    requestId,
    ...(error.details.length > 0
      ? { errors: error.details.map(({ path, message }) => ({ path, message })) }
      : {}),
    ...(error.outcome ? { outcome: error.outcome } : {}),
  };
}
