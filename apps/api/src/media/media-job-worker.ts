import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { Logger } from 'pino';
import { isAppError, withDeadline } from '#kernel';
import { MediaStore } from '#media-store';
import { API_CONFIG, type ApiConfig } from '../config.js';
import { LOGGER } from '../http/index.js';
import { NodeClient } from '../nodes/index.js';
import { endOf, type JobAnswer, type MediaJob } from './media-job.js';
import { MediaJobRepository } from './media-job-repository.js';
import { kindOfMimeType, largestOf } from './media-kind.js';
import { downloadTimeoutMs } from './media-schedule.js';

const POLL_EVERY_MS = 1_000;
const FREE_EVERY_MS = 2_000;
/** How long downloads under way may still end at shutdown; the others are given back, and fetched again. */
const LEAVE_TIMEOUT_MS = 5_000;

/** Brings files that came in from WhatsApp into the store, by the session's node; as long as it takes. */
@Injectable()
export class MediaJobWorker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<void> | undefined;
  /** By the file's id. */
  private readonly jobs = new Map<string, Promise<void>>();
  private freedAt = -Infinity;
  private isWoken = false;
  private stopped = false;

  constructor(
    private readonly repository: MediaJobRepository,
    private readonly nodes: NodeClient,
    private readonly store: MediaStore,
    @Inject(API_CONFIG) private readonly config: ApiConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.schedule(0);
  }

  /** There is something new to fetch. */
  wake(): void {
    this.isWoken = true;
    if (!this.round) this.schedule(0);
  }

  /** What is nearly done may end; the rest is given back at once, for whoever lives. */
  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.round;
    const ending = Promise.all(this.jobs.values());
    await withDeadline(ending, LEAVE_TIMEOUT_MS, 'ending downloads').catch(() =>
      this.logger.info({ count: this.jobs.size }, 'downloads under way are given back'),
    );
    await this.repository.release().catch((error: unknown) => {
      this.logger.warn(
        { err: error },
        'downloads could not be given back; others take them when we are gone',
      );
    });
  }

  private schedule(waitMs: number): void {
    if (this.stopped) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.isWoken = false;
      this.round ??= this.start().finally(() => {
        this.round = undefined;
        this.schedule(this.isWoken ? 0 : POLL_EVERY_MS);
      });
    }, waitMs);
  }

  private async start(): Promise<void> {
    try {
      if (performance.now() - this.freedAt > FREE_EVERY_MS) {
        await this.repository.freeOrphans([...this.jobs.keys()]);
        this.freedAt = performance.now();
      }
      for (const job of await this.repository.claim()) {
        const running = this.run(job).finally(() => {
          this.jobs.delete(job.id);
          this.wake();
        });
        this.jobs.set(job.id, running);
      }
    } catch (error) {
      this.logger.error({ err: error }, 'files that wait in WhatsApp could not be claimed');
    }
  }

  private async run(job: MediaJob): Promise<void> {
    try {
      const answer = await this.download(job);
      const end = endOf(job, answer, {
        mostAttempts: this.config.MEDIA_DOWNLOAD_ATTEMPTS,
        firstWaitMs: this.config.MEDIA_RETRY_FIRST_SECONDS * 1_000,
      });
      const isOurs = await this.repository.end(job, end);
      // Bytes that are not those of the message; a retry would overwrite them.
      if (isOurs && end.state === 'failed' && end.error === 'hash_mismatch') await this.drop(job);
    } catch (error) {
      this.logger.error(
        { err: error, mediaId: job.id },
        'the end of a download was not written; it is fetched again',
      );
    }
  }

  private async download(job: MediaJob): Promise<JobAnswer> {
    const { tenantId, sessionId, epoch, waKey, objectKey } = job;
    const maxBytes = largestOf(kindOfMimeType(job.mimeType), this.config);
    if ((job.size ?? 0) > maxBytes) return { outcome: 'failed', retry: false, reason: 'too_large' };
    const request = { tenantId, sessionId, epoch, waKey, objectKey, maxBytes };
    try {
      return await this.nodes.call({ url: job.nodeUrl }, 'media.download', request, {
        timeoutMs: downloadTimeoutMs(job.size ?? maxBytes),
      });
    } catch (error) {
      this.logger.warn({ err: error, mediaId: job.id, sessionId }, 'a download failed');
      const isHeld = isAppError(error) && error.outcome === 'not_sent';
      return isHeld ? 'held' : { outcome: 'failed', retry: true, reason: 'download_failed' };
    }
  }

  /** Best effort: what is left is an object without a stored file, which the sweep finds. */
  private async drop({ id, objectKey }: MediaJob): Promise<void> {
    await this.store.delete(objectKey).catch((error: unknown) => {
      this.logger.warn({ err: error, mediaId: id }, 'bytes of a failed download could not be removed');
    });
  }
}
