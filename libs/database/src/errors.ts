import { AppError, type Outcome } from '#kernel';

interface PgError extends Error {
  code: string;
  constraint?: string;
}

/**
 * SQLSTATEs that pass: lost or refused connections, a server that shuts down, is full, read-only or busy, deadlocks
 * and timeouts (postgresql.org/docs/current/errcodes-appendix.html).
 */
const TRANSIENT_STATE = /^(08...|57P0[1-5]|57014|53...|25006|40001|40P01|55P03)$/;
/** The database answers, and is at its limit or busy with others. */
const BUSY_STATE = /^(53...|57014|40001|40P01|55P03)$/;
/** Somebody else holds a lock, or the statement has too much to do. */
const TOO_LONG_STATE = /^(57014|55P03)$/;
/** Postgres rolled the whole transaction back because of others: a deadlock, a serialization failure. */
const ROLLED_BACK_STATE = /^(40001|40P01)$/;
const UNSTORABLE_STATE = /^(22021|22P05|22008)$/;
const TRANSIENT_SOCKET = /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ENOENT)/;
/** Messages of pg and pg-pool that come without a code. */
const TRANSIENT_MESSAGE =
  /^(Connection terminated|Client has encountered|Client was closed|timeout exceeded|timeout expired|Query read timeout|Cannot use a pool|Driver not Connected)/i;

/** The driver's own error, out of the wrapping that TypeORM puts around it. */
function driverError(error: unknown): unknown {
  return error instanceof Error && 'driverError' in error ? error.driverError : error;
}

function hasCode(error: unknown): error is PgError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}

/** True when `error` is a unique violation, of `constraint` (or unique index) when one is named. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  const inner = driverError(error);
  if (!hasCode(inner) || inner.code !== '23505') return false;
  return constraint === undefined || inner.constraint === constraint;
}

/** True when `error` is a foreign key violation, of `constraint` when one is named. */
export function isForeignKeyViolation(error: unknown, constraint?: string): boolean {
  const inner = driverError(error);
  if (!hasCode(inner) || inner.code !== '23503') return false;
  return constraint === undefined || inner.constraint === constraint;
}

/**
 * True when a value is none that Postgres can hold: U+0000 in a text (22021) or in JSON (22P05), a day that its calendar
 * does not have (22008). A net for input that no schema refused.
 */
export function isUnstorableValue(error: unknown): boolean {
  return hasState(error, UNSTORABLE_STATE);
}

/** True when the database is away, overloaded or busy, so that the same work may succeed later. */
export function isDatabaseUnavailable(error: unknown): boolean {
  const inner = driverError(error);
  if (hasCode(inner) && (TRANSIENT_STATE.test(inner.code) || TRANSIENT_SOCKET.test(inner.code))) return true;
  if (inner instanceof AggregateError) return inner.errors.some(isDatabaseUnavailable);
  return inner instanceof Error && TRANSIENT_MESSAGE.test(inner.message);
}

/** True when Postgres rolled the transaction back because of others, also where it is translated already. */
export function isRolledBack(error: unknown): boolean {
  return hasState(error instanceof AppError ? error.cause : error, ROLLED_BACK_STATE);
}

/** True when a lock or a statement took too long (55P03, 57014), also where it is translated already. */
export function isTakingTooLong(error: unknown): boolean {
  return hasState(error instanceof AppError ? error.cause : error, TOO_LONG_STATE);
}

function hasState(error: unknown, states: RegExp): boolean {
  const inner = driverError(error);
  return hasCode(inner) && states.test(inner.code);
}

/**
 * What the rest of the house sees of a database error: AppError `service_unavailable` for one that passes, the error
 * itself otherwise. `outcome` says whether the transaction can have been committed.
 */
export function translateDatabaseError(error: unknown, outcome: Outcome): unknown {
  if (error instanceof AppError || !isDatabaseUnavailable(error)) return error;
  const isBusy = hasState(error, BUSY_STATE);
  return new AppError(
    'service_unavailable',
    isBusy ? 'the database is busy; try again' : 'the database is not available; try again',
    // What answers with one of these states has rolled back, also when it was asked to commit.
    {
      cause: error,
      outcome: hasState(error, ROLLED_BACK_STATE) ? 'not_sent' : outcome,
      retryAfterSeconds: 1,
    },
  );
}
