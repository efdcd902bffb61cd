/** What of an error goes into the log: no bound parameters, row values or provider bodies that hang on to it. */
export interface LoggableError {
  type: string;
  message: string;
  code?: string;
  stack?: string;
  cause?: LoggableError;
}

const DEEPEST = 4;

/** An allow-list: database errors carry statement parameters (message text, numbers) in their other properties. */
export function loggableError(error: unknown, depth = 0): LoggableError {
  if (!(error instanceof Error))
    return { type: typeof error, message: 'a value that is not an Error was thrown' };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return {
    type: error.name,
    message: error.message,
    ...(code ? { code } : {}),
    ...(error.stack ? { stack: error.stack } : {}),
    ...(error.cause !== undefined && depth < DEEPEST ? { cause: loggableError(error.cause, depth + 1) } : {}),
  };
}
