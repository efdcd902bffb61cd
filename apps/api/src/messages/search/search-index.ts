import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { Logger } from 'pino';
import { idBoundary } from '#kernel';
import { LOGGER } from '../../http/index.js';
import { SearchIndexRepository } from './search-index-repository.js';

/** Messages are indexed this long after their id was made, when all that came before are committed. */
const SETTLED_AFTER_MS = 10_000;
/** A message that was committed later than that is found by looking back, now and then. */
const LOOK_BACK_MS = 3_600_000;
const LOOK_BACK_EVERY_MS = 300_000;
const EVERY_MS = 2_000;
/** Of its time the indexing rests this many parts to one at work: it must not be felt where messages are accepted. */
const REST = 4;

/** Keeps the search up to date, behind the back of those who write messages. Every api process does its part. */
@Injectable()
export class SearchIndex implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;
  private lookBackAt = 0;

  constructor(
    private readonly repository: SearchIndexRepository,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.schedule(EVERY_MS);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** Indexes a part of what is there, a batch per tenant; resolves with how many there were. */
  async index(nowMs: number = Date.now()): Promise<number> {
    const bound = idBoundary('msg', nowMs - SETTLED_AFTER_MS);
    let indexed = 0;
    for (const tenantId of await this.repository.listDue(bound)) {
      indexed += await this.repository.indexNext(tenantId, bound);
      indexed += await this.repository.indexAgain(tenantId);
      indexed += await this.repository.timeNext(tenantId);
    }
    return indexed;
  }

  /** Indexes what was committed too late to be seen by `index`. */
  async lookBack(nowMs: number = Date.now()): Promise<number> {
    const from = idBoundary('msg', nowMs - LOOK_BACK_MS);
    let indexed = 0;
    for (const tenantId of await this.repository.listIndexed()) {
      indexed += await this.repository.indexMissed(tenantId, from);
    }
    return indexed;
  }

  private schedule(waitMs: number): void {
    this.timer = setTimeout(() => {
      this.running = this.round().then((nextMs) => {
        if (!this.stopped) this.schedule(nextMs);
      });
    }, waitMs);
  }

  private async round(): Promise<number> {
    const startedAt = performance.now();
    try {
      const indexed = await this.index();
      if (startedAt >= this.lookBackAt) {
        // One that fails is not repeated at once: it is the longer part of the work.
        this.lookBackAt = startedAt + LOOK_BACK_EVERY_MS;
        await this.lookBack();
      }
      const restMs = REST * (performance.now() - startedAt);
      return indexed > 0 ? restMs : Math.max(restMs, EVERY_MS);
    } catch (error) {
      this.logger.error({ err: error }, 'messages could not be indexed for the search');
      return EVERY_MS;
    }
  }
}
