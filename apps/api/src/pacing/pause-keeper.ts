import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnModuleInit,
} from '@nestjs/common';
import type { Logger } from 'pino';
import { LOGGER } from '../http/index.js';
import { NodeFactHandlers } from '../nodes/index.js';
import { SessionPauses } from './session-pauses.js';
import { StopSignals } from './stop-signals.js';

const LOOK_EVERY_MS = 1_000;

/** Pauses sessions that WhatsApp blocked or hears no more, and ends pauses whose time is over. */
@Injectable()
export class PauseKeeper implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly pauses: SessionPauses,
    private readonly signals: StopSignals,
    private readonly handlers: NodeFactHandlers,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onModuleInit(): void {
    this.handlers.register('session.state', async (query, session, facts) => {
      const isBanned = facts.some(({ snapshot }) => snapshot.reason === 'banned');
      // Told again and again while it lasts: whoever resumes the session meanwhile means it.
      if (isBanned && session.reason !== 'banned') await this.pauses.pauseAtSignal(query, session, 'banned');
    });
  }

  onApplicationBootstrap(): void {
    this.schedule();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private schedule(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.running = this.look()
        .catch((error: unknown) => this.logger.warn({ err: error }, 'pauses could not be looked at'))
        .finally(() => this.schedule());
    }, LOOK_EVERY_MS);
  }

  private async look(): Promise<void> {
    await this.pauses.endDue();
    await this.signals.pauseReached();
  }
}
