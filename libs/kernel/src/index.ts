export { allDone } from './all-done.js';
export { AppError, isAppError, type AppErrorOptions, type ErrorDetail, type Outcome } from './app-error.js';
export { backoff, type BackoffOptions } from './backoff.js';
export { Clock, SystemClock } from './clock.js';
export { DeadlineError, withDeadline } from './deadline.js';
export { idBoundary, newId } from './ids.js';
