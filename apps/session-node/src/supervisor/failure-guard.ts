import type { Logger } from 'pino';
import type { NodeMetrics } from '../node-metrics.js';
import type { SessionRegistry } from './session-registry.js';

/**
 * Keeps one session's failure from ending the others: what nobody awaited is counted and traced back to its session,
 * whose browser is then recycled. The process goes on; at fifty logins in one process, leaving would be the worse
 * answer to a library that throws strings from event handlers.
 */
export class FailureGuard {
  constructor(
    private readonly sessions: SessionRegistry,
    private readonly metrics: NodeMetrics,
    private readonly log: Logger,
  ) {}

  install(): void {
    process.on('unhandledRejection', this.handle);
    process.on('uncaughtException', this.handle);
  }

  remove(): void {
    process.off('unhandledRejection', this.handle);
    process.off('uncaughtException', this.handle);
  }

  private readonly handle = (reason: unknown): void => {
    const attributed = this.sessions.recycleCulprit(reason);
    this.metrics.strayFailures.inc({ attributed: String(attributed) });
    const err = reason instanceof Error ? reason : new Error(`thrown: ${typeof reason}`);
    this.log.error({ err, attributed }, 'a failure that nothing waited for');
  };
}
