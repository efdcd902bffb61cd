import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { Logger } from 'pino';
import { Counter } from 'prom-client';
import { Database } from '#database';
import { Clock } from '#kernel';
import { MediaStore } from '#media-store';
import { API_CONFIG, type ApiConfig } from '../config.js';
import { Metrics } from '../health/index.js';
import { LOGGER } from '../http/index.js';
import { isNothing, type Removed } from './removed.js';
import { CleanerBusy, RetentionCleaner } from './retention-cleaner.js';

const MINUTE_MS = 60_000;
const LONGEST_FIRST_MINUTES = 10;

/** Cleans every few minutes. Every api process does; whoever comes while another one is at it leaves it to that one. */
@Injectable()
export class RetentionWorker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly cleaner: RetentionCleaner;
  private readonly stop = new AbortController();
  private readonly removed: Counter<'kind'>;
  private readonly bytes: Counter;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;

  constructor(
    database: Database,
    store: MediaStore,
    { registry }: Metrics,
    @Inject(Clock) clock: Clock,
    @Inject(API_CONFIG) private readonly config: ApiConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    const defaults = { messages: config.MESSAGE_RETENTION_DAYS, media: config.MEDIA_RETENTION_DAYS };
    this.cleaner = new RetentionCleaner(database, store, { defaults }, clock);
    this.removed = new Counter({
      name: 'wagate_retention_removed_total',
      help: 'What was removed because it is kept no longer or nobody needs it: rows of messages and media, objects, orphans, uploads',
      labelNames: ['kind'],
      registers: [registry],
    });
    this.bytes = new Counter({
      name: 'wagate_retention_removed_bytes_total',
      help: 'Bytes of the objects that were removed',
      registers: [registry],
    });
  }

  onApplicationBootstrap(): void {
    // Later than the rush of a start, and spread: processes that start together need not come together.
    const firstMs = Math.min(this.config.CLEAN_EVERY_MINUTES, LONGEST_FIRST_MINUTES) * MINUTE_MS;
    this.schedule(firstMs * (0.5 + Math.random() / 2));
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stop.abort();
    clearTimeout(this.timer);
    await this.running;
  }

  /** One clean-up; what fails is logged and left to the next one. */
  async clean(): Promise<void> {
    const startedAt = performance.now();
    const onFailed = (tenantId: string, error: unknown) =>
      this.logger.warn({ err: error, tenantId }, 'what a tenant keeps no longer was not removed');
    const options = { turnTimeoutMs: 0, signal: this.stop.signal, onRemoved: this.count, onFailed };
    try {
      const removed = await this.cleaner.clean(options);
      if (isNothing(removed)) return;
      this.logger.info(
        { ...removed, ms: Math.round(performance.now() - startedAt) },
        'removed what is kept no longer',
      );
    } catch (error) {
      if (error instanceof CleanerBusy) return;
      this.logger.warn({ err: error }, 'the clean-up did not come to its end; the next one goes on');
    }
  }

  private readonly count = ({ bytes = 0, ...kinds }: Partial<Removed>): void => {
    this.bytes.inc(bytes);
    for (const [kind, count] of Object.entries(kinds)) this.removed.inc({ kind }, count);
  };

  private schedule(waitMs: number): void {
    if (this.stop.signal.aborted) return;
    this.timer = setTimeout(() => {
      this.running = this.clean().finally(() => {
        this.running = undefined;
        this.schedule(this.config.CLEAN_EVERY_MINUTES * MINUTE_MS);
      });
    }, waitMs);
    this.timer.unref();
  }
}
