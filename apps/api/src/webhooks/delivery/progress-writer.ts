import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { isTakingTooLong } from '#database';
import { AppError } from '#kernel';
import type { StoredWebhook } from '../webhook.js';
import { ProgressRepository, type LaneProgress } from './progress-repository.js';

/** Lanes that want to write within this time write together. */
const GATHER_MS = 20;
/** Results in one statement; what is more waits for the next one. */
const MOST_RESULTS = 2_000;
/** Lanes that write for themselves at the same time, beside the others. */
const MOST_ALONE = 4;

interface Waiting extends LaneProgress {
  resolve: (held: boolean) => void;
  reject: (error: unknown) => void;
}

/**
 * Writes for all lanes of this process, one statement at a time: fifty webhooks cost one commit, not fifty. A lane that
 * cannot be written for holds up none that can: it is left to itself, beside the others, until that succeeds.
 */
@Injectable()
export class ProgressWriter {
  private waiting: Waiting[] = [];
  private isWriting = false;
  private readonly alone: Waiting[] = [];
  private aloneNow = 0;
  /** Webhooks of lanes whose last write failed by itself. */
  private readonly apart = new WeakSet<StoredWebhook>();

  constructor(private readonly repository: ProgressRepository) {}

  /** Resolves once it is committed. False: the lease is lost, and nothing was written. */
  write(lane: LaneProgress): Promise<boolean> {
    // Whoever is switched off is told so in the same transaction, which is a longer one.
    if (lane.progress.disable !== null) return this.repository.record(lane);
    return new Promise((resolve, reject) => {
      const waiting = { ...lane, resolve, reject };
      if (this.apart.has(lane.webhook)) this.leave([waiting]);
      else this.waiting.push(waiting);
      if (this.waiting.length > 0 && !this.isWriting) void this.writeAll();
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
    if (done instanceof Set) {
      const isDone = ({ webhook }: Waiting) => done.has(webhook.leasedBy ?? '');
      for (const lane of lanes.filter(isDone)) lane.resolve(true);
      // Those have lost their lease, or their webhook was just being changed.
      this.leave(lanes.filter((lane) => !isDone(lane)));
    } else if (isAway(done)) for (const { reject } of lanes) reject(done);
    // The rows of one lane are refused or locked, or take too long; which one shows when each is written for itself.
    else this.leave(lanes);
  }

  private leave(lanes: readonly Waiting[]): void {
    this.alone.push(...lanes);
    while (this.aloneNow < MOST_ALONE && this.alone.length > 0) void this.writeAlone();
  }

  /** Never rejects. */
  private async writeAlone(): Promise<void> {
    this.aloneNow += 1;
    for (let lane = this.alone.shift(); lane; lane = this.alone.shift()) {
      const { webhook, resolve, reject } = lane;
      try {
        const held = await this.repository.record(lane);
        this.apart.delete(webhook);
        resolve(held);
      } catch (error) {
        reject(error);
        if (isAway(error)) for (const other of this.alone.splice(0)) other.reject(error);
        else this.apart.add(webhook);
      }
    }
    this.aloneNow -= 1;
  }
}

/** The database is away for all of them. */
function isAway(error: unknown): boolean {
  return error instanceof AppError && !isTakingTooLong(error);
}
