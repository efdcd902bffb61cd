import type { LoggerService } from '@nestjs/common';
import type { Logger } from 'pino';

/** Injection token of the process' logger: `@Inject(LOGGER) logger: Logger` (pino). */
export const LOGGER = Symbol('Logger');

/** Nest's own few lines, into our log. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, context?: string): void {
    this.logger.debug({ context }, String(message));
  }

  warn(message: unknown, context?: string): void {
    this.logger.warn({ context }, String(message));
  }

  error(message: unknown, stack?: string, context?: string): void {
    this.logger.error({ context, stack }, String(message));
  }

  fatal(message: unknown, context?: string): void {
    this.logger.fatal({ context }, String(message));
  }
}
