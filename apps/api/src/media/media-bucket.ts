import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { S3MediaStore } from '#media-store';
import { backoff } from '#kernel';
import { LOGGER } from '../http/index.js';

/**
 * Sees to it that the bucket is there, so that a fresh store needs no preparation. The api starts without waiting for
 * it: what needs no files works meanwhile.
 */
@Injectable()
export class MediaBucket implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private failures = 0;
  private stopped = false;

  constructor(
    private readonly store: S3MediaStore,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    void this.ensure();
  }

  onApplicationShutdown(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private async ensure(): Promise<void> {
    try {
      await this.store.ensureBucket();
      if (this.failures > 0) this.logger.info('the bucket for media is there');
    } catch (err) {
      if (this.failures === 0)
        this.logger.warn({ err }, 'the bucket for media could not be made; trying again');
      this.failures += 1;
      this.retryLater();
    }
  }

  private retryLater(): void {
    if (this.stopped) return;
    const waitMs = backoff(this.failures, { baseMs: 500, maxMs: 60_000 });
    this.timer = setTimeout(() => void this.ensure(), waitMs);
    this.timer.unref();
  }
}
