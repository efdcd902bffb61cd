import type { ErrorCode } from '#contracts';

/** One field that broke a rule: `path` as the caller wrote it (`options.quoted`, `query.limit`), `message` the rule. */
export interface ErrorDetail {
  path: string;
  message: string;
}

/** What is known of a side effect: `not_sent` may be retried by a machine, `unknown` may not. */
export type Outcome = 'not_sent' | 'unknown';

export interface AppErrorOptions {
  details?: ErrorDetail[];
  /** Kept for the log; never part of an answer. */
  cause?: unknown;
  outcome?: Outcome;
  /** Answered as `Retry-After`. */
  retryAfterSeconds?: number;
}

/**
 * The one error that services throw. `code` is of the closed set in `#contracts` and decides the HTTP status;
 * `message` is shown to the caller, so it never holds secrets, message text, phone numbers, SQL or paths.
 */
export class AppError extends Error {
  override readonly name: string = 'AppError';
  readonly details: readonly ErrorDetail[];
  readonly outcome: Outcome | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    readonly code: ErrorCode,
    message: string,
    options: AppErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.details = options.details ?? [];
    this.outcome = options.outcome;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** True for an AppError, of the given code when one is named. */
export function isAppError(error: unknown, code?: ErrorCode): error is AppError {
  return error instanceof AppError && (code === undefined || error.code === code);
}
