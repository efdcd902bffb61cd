import { Catch, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Logger } from 'pino';
import { answerProblem } from './answer-problem.js';
import { LOGGER } from './logger.js';
import type { ApiReply, ApiRequest } from './request.js';

/** Answers everything that is thrown in Nest's pipeline as a problem. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    answerProblem(error, http.getRequest<ApiRequest>(), http.getResponse<ApiReply>(), this.logger);
  }
}
