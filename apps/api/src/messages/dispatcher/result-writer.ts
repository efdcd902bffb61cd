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

/** What of a group needs no further try, and what became of the rest. */
interface Outcome {
  settled: readonly Pending[];
  written: Written;
}

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
    const { settled } = await this.writeGroup(group, GROUP_LOCK_WAIT_MS);
    this.tell(settled);
    return settled;
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
    while (this.running !== undefined || this.held.items.length > 0) {
      await this.running;
      await this.held.flush();
    }
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
    const { settled, written } = await this.writeGroup(group, lockWaitMs);
    this.pending = this.pending.filter((one) => !settled.includes(one));
    this.tell(settled);
    return written;
  }

  /** One session, whose rows others hold, must not hold up the rest. False when some have to be tried again. */
  private async settleBySession(tried: readonly Pending[], outcome: Written): Promise<boolean> {
    const group = tried.filter((one) => this.pending.includes(one));
    const sessions = new Set(group.map(({ result }) => result.sessionId));
    let failed = 0;
    for (const sessionId of sessions) {
      const part = group.filter(({ result }) => result.sessionId === sessionId);
      const written = sessions.size === 1 ? outcome : await this.settle(part, SESSION_LOCK_WAIT_MS);
      if (written === 'locked') this.holdApart(sessionId);
      // More than one: it is the database.
      if (written === 'failed' && ++failed > 1) return false;
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

  /** @param lockWaitMs how long it waits for each row that others hold */
  private async writeGroup(group: readonly Pending[], lockWaitMs: number): Promise<Outcome> {
    await failpoint('api.result.before-write');
    const results = group.map(({ result }) => result);
    try {
      await this.repository.write(results, lockWaitMs);
      this.failures = 0;
      return { settled: group, written: 'written' };
    } catch (error) {
      const sessions = new Set(results.map(({ sessionId }) => sessionId)).size;
      this.logger.error({ err: error, results: group.length, sessions }, 'results of sends were not written');
      if (isAppError(error)) return { settled: [], written: isTakingTooLong(error) ? 'locked' : 'failed' };
    }
    return this.writeEach(group, lockWaitMs);
  }

  /** Until one is locked: it and those behind it wait for another try. */
  private async writeEach(group: readonly Pending[], lockWaitMs: number): Promise<Outcome> {
    for (const [i, { result }] of group.entries()) {
      const isSettled = await this.writeAlone(result, lockWaitMs);
      if (!isSettled) return { settled: group.slice(0, i), written: 'locked' };
    }
    return { settled: group, written: 'written' };
  }

  /**
   * One that the database refuses must not hold up the others: its message is looked up instead. False when others hold
   * its rows.
   */
  private async writeAlone(result: AttemptResult, lockWaitMs: number): Promise<boolean> {
    const refusal = 'the result of a send was refused; it counts as unknown';
    const written = await this.tryAlone(result, lockWaitMs, refusal);
    if (written !== 'refused') return written === 'written';
    const outcome = { outcome: 'unknown' as const, reason: 'the result could not be stored' };
    const unknown: AttemptResult = { ...result, end: { kind: 'outcome', outcome, held: false } };
    const noted = await this.tryAlone(unknown, lockWaitMs, 'an attempt stays open until this process ends');
    if (noted === 'refused') this.abandoned.add(attemptKey(result.messageId, result.attempt));
    return noted !== 'locked';
  }

  /** As long as the database is away, this waits. */
  private async tryAlone(
    result: AttemptResult,
    lockWaitMs: number,
    refusal: string,
  ): Promise<'written' | 'locked' | 'refused'> {
    for (;;) {
      try {
        await this.repository.write([result], lockWaitMs);
        this.failures = 0;
        return 'written';
      } catch (error) {
        if (!isAppError(error)) {
          this.logger.error({ err: error, messageId: result.messageId }, refusal);
          return 'refused';
        }
        if (isTakingTooLong(error)) return 'locked';
        await delay(backoff(this.failures++, RETRY));
      }
    }
  }
}

function isHanded({ end }: AttemptResult): boolean {
  return end.kind === 'outcome' && end.outcome.outcome === 'handed';
}
