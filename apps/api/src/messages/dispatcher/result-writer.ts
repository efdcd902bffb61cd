import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { setTimeout as delay } from 'node:timers/promises';
import { backoff, isAppError } from '#kernel';
import { failpoint } from '#runtime';
import { LOGGER } from '../../http/index.js';
import { MessageWatch } from '../message-watch.js';
import { attemptKey } from './attempt-repository.js';
import type { AttemptResult } from './claimed-message.js';
import { ResultRepository } from './result-repository.js';

const LARGEST_GROUP = 100;
const RETRY = { baseMs: 200, maxMs: 5_000 };
/** From one group to the next: under load many share a transaction. Nothing waits for what was handed over. */
const GROUP_EVERY_MS = 50;

interface Pending {
  result: AttemptResult;
  done: () => void;
}

/**
 * Writes results in groups: what comes while one group is written, or shortly after, goes into the next. What has to go
 * back to the queue holds up its chat, so it is written at once. A database that is away is
 * tried again for as long as the process lives; if that ends first, the attempts stay open and are looked up.
 */
@Injectable()
export class ResultWriter {
  private pending: Pending[] = [];
  private running: Promise<void> | undefined;
  private failures = 0;
  private lastGroupMs = -Infinity;
  /** Ends the wait for the next group. */
  private hurry: (() => void) | undefined;
  private isFlushing = false;
  /** Attempts whose end the database refused in every form: they stay open until this process ends. */
  private readonly abandoned = new Set<string>();

  constructor(
    private readonly repository: ResultRepository,
    private readonly watch: MessageWatch,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Resolves once the result is committed. */
  write(result: AttemptResult): Promise<void> {
    return new Promise((done) => {
      this.pending.push({ result, done });
      if (!isHanded(result)) this.hurry?.();
      this.running ??= this.drain();
    });
  }

  /** Whether an attempt's end waits to be written, or cannot be. */
  has(key: string): boolean {
    const waits = this.pending.some(({ result }) => attemptKey(result.messageId, result.attempt) === key);
    return waits || this.abandoned.has(key);
  }

  /** Resolves when nothing waits any more. */
  async flush(): Promise<void> {
    this.isFlushing = true;
    this.hurry?.();
    await this.running;
    this.isFlushing = false;
  }

  private async drain(): Promise<void> {
    // Answers that come in one go are written in one go.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.pending.length > 0) {
      await this.gather();
      const group = this.pending.slice(0, LARGEST_GROUP);
      if ((await this.settle(group)) || (await this.settleBySession(group))) continue;
      const isLeft = (one: Pending) => group.includes(one);
      this.pending = [...this.pending.filter((one) => !isLeft(one)), ...this.pending.filter(isLeft)];
      await delay(backoff(this.failures++, RETRY));
    }
    this.running = undefined;
  }

  /** Lets more come, unless something has to be written at once. */
  private async gather(): Promise<void> {
    const waitMs = this.lastGroupMs + GROUP_EVERY_MS - performance.now();
    const canWait = !this.isFlushing && this.pending.every(({ result }) => isHanded(result));
    if (canWait && waitMs > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs);
        this.hurry = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.hurry = undefined;
    }
    this.lastGroupMs = performance.now();
  }

  /** False when the group has to be tried again. */
  private async settle(group: readonly Pending[]): Promise<boolean> {
    if (!(await this.writeGroup(group.map(({ result }) => result)))) return false;
    this.pending = this.pending.filter((one) => !group.includes(one));
    for (const { result, done } of group) {
      this.watch.tell(result.messageId);
      done();
    }
    return true;
  }

  /** One session, whose rows others hold, must not hold up the rest. False when some have to be tried again. */
  private async settleBySession(group: readonly Pending[]): Promise<boolean> {
    const sessions = new Set(group.map(({ result }) => result.sessionId));
    if (sessions.size === 1) return false;
    let failed = 0;
    for (const sessionId of sessions) {
      const part = group.filter(({ result }) => result.sessionId === sessionId);
      // More than one: it is the database.
      if (!(await this.settle(part)) && ++failed > 1) return false;
    }
    return failed === 0;
  }

  /** False when the database is away or busy. */
  private async writeGroup(group: AttemptResult[]): Promise<boolean> {
    await failpoint('api.result.before-write');
    try {
      await this.repository.write(group);
      this.failures = 0;
      return true;
    } catch (error) {
      this.logger.error({ err: error, results: group.length }, 'results of sends were not written');
      if (isAppError(error)) return false;
    }
    for (const result of group) await this.writeAlone(result);
    return true;
  }

  /** One that the database refuses must not hold up the others: its message is looked up instead. */
  private async writeAlone(result: AttemptResult): Promise<void> {
    const { messageId } = result;
    if (await this.isWritten(result, 'the result of a send was refused; it counts as unknown')) return;
    const outcome = { outcome: 'unknown' as const, reason: 'the result could not be stored' };
    const unknown: AttemptResult = { ...result, end: { kind: 'outcome', outcome, held: false } };
    if (await this.isWritten(unknown, 'an attempt stays open until this process ends')) return;
    this.abandoned.add(attemptKey(messageId, result.attempt));
  }

  /** False when the database refuses it; as long as it is away, this waits. */
  private async isWritten(result: AttemptResult, otherwise: string): Promise<boolean> {
    for (;;) {
      try {
        await this.repository.write([result]);
        this.failures = 0;
        return true;
      } catch (error) {
        if (!isAppError(error)) {
          this.logger.error({ err: error, messageId: result.messageId }, otherwise);
          return false;
        }
        await delay(backoff(this.failures++, RETRY));
      }
    }
  }
}

function isHanded({ end }: AttemptResult): boolean {
  return end.kind === 'outcome' && end.outcome.outcome === 'handed';
}
