import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { setTimeout as delay } from 'node:timers/promises';
import { isTakingTooLong } from '#database';
import { backoff, isAppError } from '#kernel';
import { failpoint } from '#runtime';
import { LOGGER } from '../../http/index.js';
import { MessageWatch } from '../message-watch.js';
import { attemptKey } from './attempt-repository.js';
import type { AttemptResult } from './claimed-message.js';
import { GROUP_LOCK_WAIT_MS, HeldSessions, SESSION_LOCK_WAIT_MS } from './held-sessions.js';
import { ResultRepository } from './result-repository.js';

const LARGEST_GROUP = 100;
const RETRY = { baseMs: 200, maxMs: 5_000 };
/** From one group to the next: under load many share a transaction. Nothing waits for what was handed over. */
const GROUP_EVERY_MS = 50;

interface Pending {
  result: AttemptResult;
  done: () => void;
}

/** `locked`: others hold rows of it; `failed`: the database is away or busy. */
type Written = 'written' | 'locked' | 'failed';

/**
 * Writes results in groups: what comes while one group is written, or shortly after, goes into the next. What has to go
 * back to the queue holds up its chat, so it is written at once. Those of a session whose rows somebody holds for long
 * are written apart, so that they hold up no other session's. A database that is away is tried again for as long as the
 * process lives; if that ends first, the attempts stay open and are looked up.
 */
@Injectable()
export class ResultWriter {
  private pending: Pending[] = [];
  private readonly held = new HeldSessions<Pending>(async (group) => {
    if ((await this.writeGroup(group)) !== 'written') return false;
    this.tell(group);
    return true;
  });
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
      if (this.held.holds(result.sessionId)) {
        this.held.add(result.sessionId, [{ result, done }]);
        return;
      }
      this.pending.push({ result, done });
      if (!isHanded(result)) this.hurry?.();
      this.running ??= this.drain();
    });
  }

  /** Whether an attempt's end waits to be written, or cannot be. */
  has(key: string): boolean {
    const isOf = ({ result }: Pending) => attemptKey(result.messageId, result.attempt) === key;
    const waits = this.pending.some(isOf) || this.held.items.some(isOf);
    return waits || this.abandoned.has(key);
  }

  /** Resolves when nothing waits any more. */
  async flush(): Promise<void> {
    this.isFlushing = true;
    this.hurry?.();
    while (this.running !== undefined) await this.running;
    await this.held.flush();
    this.isFlushing = false;
  }

  private async drain(): Promise<void> {
    // Answers that come in one go are written in one go.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.pending.length > 0) {
      await this.gather();
      const group = this.pending.slice(0, LARGEST_GROUP);
      const written = await this.settle(group);
      if (written !== 'written' && !(await this.settleBySession(group, written))) {
        await delay(backoff(this.failures++, RETRY));
      }
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

  private async settle(group: readonly Pending[], lockWaitMs = GROUP_LOCK_WAIT_MS): Promise<Written> {
    const written = await this.writeGroup(group, lockWaitMs);
    if (written !== 'written') return written;
    this.pending = this.pending.filter((one) => !group.includes(one));
    this.tell(group);
    return written;
  }

  /** One session, whose rows others hold, must not hold up the rest. False when some have to be tried again. */
  private async settleBySession(group: readonly Pending[], tried: Written): Promise<boolean> {
    const sessions = new Set(group.map(({ result }) => result.sessionId));
    let failed = 0;
    for (const sessionId of sessions) {
      const part = group.filter(({ result }) => result.sessionId === sessionId);
      const written = sessions.size === 1 ? tried : await this.settle(part, SESSION_LOCK_WAIT_MS);
      if (written === 'locked') this.holdApart(sessionId);
      // More than one: it is the database.
      if (written !== 'written' && ++failed > 1) return false;
    }
    return group.every((one) => !this.pending.includes(one));
  }

  /** With what came of it meanwhile, so that its order stays. */
  private holdApart(sessionId: string): void {
    const isOf = ({ result }: Pending) => result.sessionId === sessionId;
    const moved = this.pending.filter(isOf);
    this.pending = this.pending.filter((one) => !isOf(one));
    this.held.add(sessionId, moved);
  }

  private tell(group: readonly Pending[]): void {
    for (const { result, done } of group) {
      this.watch.tell(result.messageId);
      done();
    }
  }

  /** @param lockWaitMs how long it waits for rows that others hold; by default as the database lets it */
  private async writeGroup(group: readonly Pending[], lockWaitMs?: number): Promise<Written> {
    await failpoint('api.result.before-write');
    const results = group.map(({ result }) => result);
    try {
      await this.repository.write(results, lockWaitMs);
      this.failures = 0;
      return 'written';
    } catch (error) {
      this.logger.error({ err: error, results: group.length }, 'results of sends were not written');
      if (isAppError(error)) return isTakingTooLong(error) ? 'locked' : 'failed';
    }
    for (const result of results) await this.writeAlone(result);
    return 'written';
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
