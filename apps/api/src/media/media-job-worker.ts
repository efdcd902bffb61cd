import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { Logger } from 'pino';
import type { NodeResponse } from '#contracts';
import { isAppError } from '#kernel';
import { API_CONFIG, type ApiConfig } from '../config.js';
import { LOGGER } from '../http/index.js';
import { NodeClient } from '../nodes/index.js';
import { CLAIM_SECONDS, MediaJobRepository, type JobEnd, type MediaJob } from './media-job-repository.js';
import { kindOfMimeType, largestOf } from './media-kind.js';

const POLL_EVERY_MS = 1_000;
/** Below the time a claim lasts. */
const DOWNLOAD_TIMEOUT_MS = (CLAIM_SECONDS - 60) * 1_000;
/** After the first, second … failed attempt; then it is given up. */
const RETRY_WAITS_MS = [5_000, 30_000, 5 * 60_000, 3_600_000, 6 * 3_600_000];
const HELD_WAIT_MS = 15_000;

/** Brings files that came in from WhatsApp into the store, by the session's node; as long as it takes. */
@Injectable()
export class MediaJobWorker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<void> | undefined;
  private readonly jobs = new Set<Promise<void>>();
  private stopped = false;

  constructor(
    private readonly repository: MediaJobRepository,
    private readonly nodes: NodeClient,
    @Inject(API_CONFIG) private readonly config: ApiConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.schedule(0);
  }

  /** There is something new to fetch. */
  wake(): void {
    if (!this.round) this.schedule(0);
  }

  /** Downloads under way are left to the node; their claims run out. */
  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.round;
  }

  private schedule(waitMs: number): void {
    if (this.stopped) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.round ??= this.start().finally(() => {
        this.round = undefined;
        this.schedule(POLL_EVERY_MS);
      });
    }, waitMs);
  }

  private async start(): Promise<void> {
    try {
      for (const job of await this.repository.claim()) {
        const running = this.run(job).finally(() => {
          this.jobs.delete(running);
          this.wake();
        });
        this.jobs.add(running);
      }
    } catch (error) {
      this.logger.error({ err: error }, 'files that wait in WhatsApp could not be claimed');
    }
  }

  private async run(job: MediaJob): Promise<void> {
    try {
      await this.repository.end(job, endOf(job, await this.download(job)));
    } catch (error) {
      this.logger.error(
        { err: error, mediaId: job.id },
        'the end of a download was not written; its claim runs out',
      );
    }
  }

  private async download(job: MediaJob): Promise<NodeResponse<'media.download'> | 'held'> {
    const { tenantId, sessionId, epoch, waKey, objectKey } = job;
    const maxBytes = largestOf(kindOfMimeType(job.mimeType), this.config);
    const request = { tenantId, sessionId, epoch, waKey, objectKey, maxBytes };
    try {
      return await this.nodes.call({ url: job.nodeUrl }, 'media.download', request, {
        timeoutMs: DOWNLOAD_TIMEOUT_MS,
      });
    } catch (error) {
      this.logger.warn({ err: error, mediaId: job.id, sessionId }, 'a download failed');
      const isHeld = isAppError(error) && error.outcome === 'not_sent';
      return isHeld ? 'held' : { outcome: 'failed', retry: true, reason: 'download_failed' };
    }
  }
}

function endOf(job: MediaJob, answer: NodeResponse<'media.download'> | 'held'): JobEnd {
  const pending = { state: 'pending' as const, counts: false, waitMs: HELD_WAIT_MS, error: null };
  if (answer === 'held') return pending;
  if (answer.outcome === 'stored') {
    const { size, sha256, mimeType, filename } = answer;
    return {
      ...pending,
      state: 'stored',
      counts: true,
      file: { size, sha256, mimeType, filename: filename ?? job.filename },
    };
  }
  if (answer.outcome === 'gone') return { ...pending, state: 'expired', counts: true, error: 'gone' };
  if (answer.reason === 'session_not_connected') return pending;
  const waitMs = RETRY_WAITS_MS[job.attempts];
  const isFinal = !answer.retry || waitMs === undefined;
  if (isFinal) return { ...pending, state: 'failed', counts: true, error: answer.reason };
  return { ...pending, counts: true, waitMs, error: answer.reason };
}
