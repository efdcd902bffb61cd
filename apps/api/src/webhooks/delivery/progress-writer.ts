import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { AppError } from '#kernel';
import { ProgressRepository, type LaneProgress } from './progress-repository.js';

/** Lanes that want to write within this time write together. */
const GATHER_MS = 20;
/** Results in one statement; what is more waits for the next one. */
const MOST_RESULTS = 2_000;

interface Waiting extends LaneProgress {
  resolve: (held: boolean) => void;
  reject: (error: unknown) => void;
}

/** Writes for all lanes of this process, one statement at a time: fifty webhooks cost one commit, not fifty. */
@Injectable()
export class ProgressWriter {
  private waiting: Waiting[] = [];
  private isWriting = false;

  constructor(private readonly repository: ProgressRepository) {}

  /** Resolves once it is committed. False: the lease is lost, and nothing was written. */
  write(lane: LaneProgress): Promise<boolean> {
    // Whoever is switched off is told so in the same transaction, which is a longer one.
    if (lane.progress.disable !== null) return this.repository.record(lane);
    return new Promise((resolve, reject) => {
      this.waiting.push({ ...lane, resolve, reject });
      if (!this.isWriting) void this.writeAll();
    });
  }

  /** Never rejects: each lane hears of its own failure. */
  private async writeAll(): Promise<void> {
    this.isWriting = true;
    while (this.waiting.length > 0) {
      await delay(GATHER_MS);
      await this.writeTogether(this.takeBatch());
    }
    this.isWriting = false;
  }

  private takeBatch(): Waiting[] {
    let results = 0;
    let lanes = 0;
    for (const { progress } of this.waiting) {
      if (lanes > 0 && results + progress.results.length > MOST_RESULTS) break;
      results += progress.results.length;
      lanes += 1;
    }
    return this.waiting.splice(0, lanes);
  }

  private async writeTogether(lanes: Waiting[]): Promise<void> {
    const done = await this.repository.recordMany(lanes).catch((error: unknown) => error as Error);
    if (done instanceof AppError) for (const { reject } of lanes) reject(done);
    else if (done instanceof Set) await this.writeLeft(lanes, done);
    // One lane's results were refused by the database; which one shows when each is written for itself.
    else await this.writeLeft(lanes, new Set());
  }

  /** A lane that is not done has lost its lease, or its webhook was just being changed. */
  private async writeLeft(lanes: Waiting[], done: Set<string>): Promise<void> {
    for (const lane of lanes) {
      if (done.has(lane.webhook.leasedBy ?? '')) lane.resolve(true);
      else await this.repository.record(lane).then(lane.resolve, lane.reject);
    }
  }
}
