import { AppError } from './app-error.js';

/** `what` was not done in time. Whether it still happens is not known, hence `outcome: unknown`. */
export class DeadlineError extends AppError {
  constructor(
    readonly what: string,
    readonly timeoutMs: number,
  ) {
    super('service_unavailable', `${what} took longer than ${timeoutMs} ms`, { outcome: 'unknown' });
  }
}

/**
 * Settles as `promise` does, or rejects with a DeadlineError after `timeoutMs`. The work itself goes on:
 * whoever needs it stopped must stop it. Its late result is dropped, because the caller has been told already.
 */
export function withDeadline<T>(promise: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(new DeadlineError(what, timeoutMs)), timeoutMs);
    promise.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
