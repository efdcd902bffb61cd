import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { Logger } from 'pino';
import { Database } from '#database';
import { failpoint } from '#runtime';
import { LOGGER } from '../http/index.js';

/** Channel on which a tenant (the payload) has new events that can be read. */
export const EVENTS_CHANNEL = 'wagate_events';

/** From the writing of an event to the first look for it; its transaction has to be committed first. */
const FIRST_LOOK_MS = 20;
/** Looks become rarer until they are this far apart: what was written by a process that died is found then. */
const POLL_EVERY_MS = 1_000;
const MOST_AT_ONCE = 1_000;

export interface Numbered {
  /** Events that got their number. */
  numbered: number;
  /** Tenants that another process was numbering. */
  held: number;
  /** There is more to number already. */
  remaining: boolean;
}

/**
 * Gives events their number once they are committed. Every api process has a relay, woken by what the process itself
 * writes; locks in the database keep them apart, tenant by tenant. One that dies leaves nothing behind: its numbers
 * were not committed.
 */
@Injectable()
export class EventRelay implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private dueAt = Number.POSITIVE_INFINITY;
  private waitMs = POLL_EVERY_MS;
  private running: Promise<void> | undefined;
  private wokenMeanwhile = false;
  private started = false;

  constructor(
    private readonly database: Database,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.started = true;
    this.schedule(0);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.started = false;
    clearTimeout(this.timer);
    await this.running;
  }

  /** Events were written; their transaction may still be open. */
  wake(): void {
    this.waitMs = FIRST_LOOK_MS;
    if (this.running) this.wokenMeanwhile = true;
    else this.schedule(FIRST_LOOK_MS);
  }

  /** Numbers what is committed and has no number; one transaction. */
  async number(): Promise<Numbered> {
    return this.database.workerSql(async (query) => {
      const [row] = await query<Numbered & object>(
        { name: 'events_number', text: 'SELECT numbered, held, remaining FROM wagate_number_events($1)' },
        [MOST_AT_ONCE],
      );
      if (row && row.numbered > 0) await failpoint('api.relay.before-commit');
      return row ?? { numbered: 0, held: 0, remaining: false };
    });
  }

  private schedule(waitMs: number): void {
    const dueAt = performance.now() + waitMs;
    if (!this.started || this.dueAt <= dueAt) return;
    clearTimeout(this.timer);
    this.dueAt = dueAt;
    this.timer = setTimeout(() => {
      this.dueAt = Number.POSITIVE_INFINITY;
      this.running = this.round().then((nextMs) => {
        this.running = undefined;
        this.schedule(nextMs);
      });
    }, waitMs);
  }

  /** One look; resolves with the time to the next. */
  private async round(): Promise<number> {
    this.wokenMeanwhile = false;
    try {
      const { held, remaining } = await this.number();
      if (remaining) return 0;
      // What was written meanwhile, and what another relay may have overlooked, is looked for soon.
      if (this.wokenMeanwhile || held > 0) this.waitMs = FIRST_LOOK_MS;
    } catch (error) {
      this.logger.error({ err: error }, 'events could not be numbered');
      this.waitMs = POLL_EVERY_MS;
    }
    const waitMs = this.waitMs;
    this.waitMs = Math.min(waitMs * 2, POLL_EVERY_MS);
    return waitMs;
  }
}
