import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { setTimeout as delay } from 'node:timers/promises';
import { Database, isTakingTooLong } from '#database';
import { backoff } from '#kernel';
import { ApiProcess } from '../../api-process.js';
import { LOGGER } from '../../http/index.js';
import { attemptKey, AttemptRepository, boundLockWait, type AttemptKey } from './attempt-repository.js';
import { GROUP_LOCK_WAIT_MS, HeldSessions, SESSION_LOCK_WAIT_MS } from './held-sessions.js';

const LARGEST_GROUP = 200;
const RETRY = { baseMs: 200, maxMs: 5_000 };

/** `locked`: others hold rows of it; `failed`: the database is away or busy. */
type Noted = 'noted' | 'locked' | 'failed';

interface Asked {
  sessionId: string;
  keys: readonly AttemptKey[];
  answer: (mine: ReadonlySet<string>) => void;
}

/**
 * Notes in the database which messages are about to be called, many in one transaction, before they are: what is not
 * noted certainly did not leave, whatever crashes. An attempt that others ended meanwhile, because they held this
 * process for dead, is no longer its to call. Those of a session whose rows somebody holds for long are noted apart.
 */
@Injectable()
export class CallNotes {
  private asked: Asked[] = [];
  private readonly held = new HeldSessions<Asked>(async (group) =>
    (await this.settle(group, GROUP_LOCK_WAIT_MS)) === 'noted' ? group : [],
  );
  private running = false;
  private stopped = false;

  constructor(
    private readonly database: Database,
    private readonly attempts: AttemptRepository,
    private readonly self: ApiProcess,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Resolves once it is committed, with those of the attempts, all of one session, that may be called. While the database
   * is away it does not resolve, and after `stop` never.
   */
  note(sessionId: string, keys: readonly AttemptKey[]): Promise<ReadonlySet<string>> {
    return new Promise((answer) => {
      const asked = { sessionId, keys, answer };
      if (this.held.holds(sessionId)) {
        this.held.add(sessionId, [asked]);
        return;
      }
      this.asked.push(asked);
      if (this.running) return;
      this.running = true;
      void this.drain();
    });
  }

  stop(): void {
    this.stopped = true;
    this.held.stop();
  }

  private async drain(): Promise<void> {
    // Lanes that were woken in one go ask in one go.
    await new Promise((resolve) => setImmediate(resolve));
    for (let failures = 0; this.asked.length > 0 && !this.stopped;) {
      const group = firstGroup(this.asked);
      const noted = await this.settle(group, GROUP_LOCK_WAIT_MS);
      if (noted === 'noted' || (await this.settleBySession(group, noted))) {
        failures = 0;
        continue;
      }
      await delay(backoff(failures++, RETRY), undefined, { ref: false });
    }
    this.running = false;
  }

  /** @param lockWaitMs how long it waits for each row that others hold */
  private async settle(group: readonly Asked[], lockWaitMs: number): Promise<Noted> {
    try {
      const mine = await this.write(
        group.flatMap(({ keys }) => keys),
        lockWaitMs,
      );
      this.asked = this.asked.filter((one) => !group.includes(one));
      for (const { answer } of group) answer(mine);
      return 'noted';
    } catch (error) {
      const sessions = new Set(group.map(({ sessionId }) => sessionId)).size;
      this.logger.error({ err: error, sessions }, 'calls could not be noted, so they wait');
      return isTakingTooLong(error) ? 'locked' : 'failed';
    }
  }

  /** One session, whose rows others hold, must not hold up the rest. False when some have to be tried again. */
  private async settleBySession(group: readonly Asked[], tried: Noted): Promise<boolean> {
    const sessions = new Set(group.map((one) => one.sessionId));
    let failed = 0;
    for (const sessionId of sessions) {
      const part = group.filter((one) => one.sessionId === sessionId);
      const noted = sessions.size === 1 ? tried : await this.settle(part, SESSION_LOCK_WAIT_MS);
      if (noted === 'locked') this.holdApart(sessionId);
      // More than one: it is the database.
      if (noted === 'failed' && ++failed > 1) return false;
    }
    return group.every((one) => !this.asked.includes(one));
  }

  private holdApart(sessionId: string): void {
    const moved = this.asked.filter((one) => one.sessionId === sessionId);
    this.asked = this.asked.filter((one) => one.sessionId !== sessionId);
    this.held.add(sessionId, moved);
  }

  private write(keys: AttemptKey[], lockWaitMs: number): Promise<Set<string>> {
    const sorted = [...keys].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
    return this.database.workerSql(async (query) => {
      const [, mine] = await Promise.all([
        boundLockWait(query, lockWaitMs),
        this.attempts.noteCalls(query, this.self.name, sorted),
      ]);
      return mine;
    });
  }
}

function firstGroup(asked: Asked[]): Asked[] {
  let size = 0;
  const end = asked.findIndex(({ keys }) => (size += keys.length) > LARGEST_GROUP);
  return end <= 0 ? asked.slice(0, end === 0 ? 1 : undefined) : asked.slice(0, end);
}

function sortKey({ tenantId, messageId, attempt }: AttemptKey): string {
  return `${tenantId} ${attemptKey(messageId, attempt)}`;
}
