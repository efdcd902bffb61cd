import type { Logger } from 'pino';
import { ERROR_STATUS } from '#contracts';
import { PROBLEM_CONTENT_TYPE, SHUTTING_DOWN, toAppError, toProblem } from './problem.js';
import { routeOf, type ApiReply, type ApiRequest } from './request.js';

/**
 * Answers any error as a problem; the one place that does. Server-side failures are logged here with their cause,
 * because the answer shows nothing of it.
 */
export function answerProblem(error: unknown, request: ApiRequest, reply: ApiReply, logger: Logger): void {
  const facts = { requestId: request.id, route: routeOf(request), tenantId: request.auth?.tenantId };
  if (isBrokenOff(error, request)) {
    logger.info(facts, 'request broken off by the client');
    reply.raw.destroy();
    return;
  }
  const appError = toAppError(error);
  const status = ERROR_STATUS[appError.code];
  if (status >= 500 && appError !== SHUTTING_DOWN) {
    const err = appError.cause ?? error;
    logger.error({ err, code: appError.code, ...facts }, 'request failed');
  }
  if (reply.sent || reply.raw.headersSent) {
    // Half an answer is out: only breaking the connection tells the client that it is not whole.
    reply.raw.destroy();
    return;
  }
  if (appError.retryAfterSeconds !== undefined)
    void reply.header('Retry-After', String(Math.ceil(appError.retryAfterSeconds)));
  if (status === 401) void reply.header('WWW-Authenticate', 'Bearer');
  void reply
    .code(status)
    .header('Content-Type', PROBLEM_CONTENT_TYPE)
    .send(JSON.stringify(toProblem(appError, request.id)));
}

/** Whether the connection ended before the body did: there is nobody to answer, and nothing of ours has failed. */
function isBrokenOff(error: unknown, request: ApiRequest): boolean {
  return (error as { code?: unknown } | null)?.code === 'ECONNRESET' && isCutShort(request);
}

function isCutShort({ raw }: ApiRequest): boolean {
  return raw.destroyed && !raw.complete;
}

/** Of a connection that ended while nobody read the body nothing more would ever be heard. @throws as reading it would */
export function assertNotBrokenOff(request: ApiRequest): void {
  if (isCutShort(request)) throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
}
