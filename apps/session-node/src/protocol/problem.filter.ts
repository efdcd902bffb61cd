import { Catch, HttpException, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { ERROR_STATUS, type nodeProblemSchema } from '#contracts';
import { isAppError } from '#kernel';
import { NODE_LOGGER } from './tokens.js';

type NodeProblem = z.infer<typeof nodeProblemSchema>;

/** Every refusal as the contract's problem, with the status of its code. Nothing else leaks. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(@Inject(NODE_LOGGER) private readonly log: Logger) {}

  async catch(error: unknown, host: ArgumentsHost): Promise<void> {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const problem = this.problemOf(error);
    const status = error instanceof HttpException ? error.getStatus() : ERROR_STATUS[problem.code];
    await reply.status(status).send(problem);
  }

  private problemOf(error: unknown): NodeProblem {
    if (isAppError(error)) {
      const { code, message, outcome } = error;
      return { code, message, ...(outcome ? { outcome } : {}) };
    }
    if (error instanceof HttpException) {
      const code = error.getStatus() === 404 ? 'not_found' : 'invalid_request';
      return { code, message: 'The request was refused', outcome: 'not_sent' };
    }
    this.log.error({ err: error }, 'a command failed');
    return { code: 'internal', message: 'The command failed', outcome: 'unknown' };
  }
}
