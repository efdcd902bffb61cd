import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { setTimeout as delay } from 'node:timers/promises';
import { Database } from '#database';
import { backoff } from '#kernel';
import { ApiProcess } from '../../api-process.js';
import { LOGGER } from '../../http/index.js';
import { attemptKey, AttemptRepository, type AttemptKey } from './attempt-repository.js';

const LARGEST_GROUP = 200;
const RETRY = { baseMs: 200, maxMs: 5_000 };

interface Asked {
  keys: readonly AttemptKey[];
  answer: (mine: ReadonlySet<string>) => void;
}

/**
 * Notes in the database which messages are about to be called, many in one transaction, before they are: what is not
 * noted certainly did not leave, whatever crashes. An attempt that others ended meanwhile, because they held this
 * process for dead, is no longer its to call.
 */
@Injectable()
export class CallNotes {
  private asked: Asked[] = [];
  private running = false;
  private stopped = false;

  constructor(
    private readonly database: Database,
    private readonly attempts: AttemptRepository,
    private readonly self: ApiProcess,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Resolves once it is committed, with the keys of the attempts that may be called. While the database is away it
   * does not resolve, and after `stop` never.
   */
  note(keys: readonly AttemptKey[]): Promise<ReadonlySet<string>> {
    return new Promise((answer) => {
      this.asked.push({ keys, answer });
      if (this.running) return;
      this.running = true;
      void this.drain();
    });
  }

  stop(): void {
    this.stopped = true;
  }

  private async drain(): Promise<void> {
    // Lanes that were woken in one go ask in one go.
    await new Promise((resolve) => setImmediate(resolve));
    for (let failures = 0; this.asked.length > 0 && !this.stopped;) {
      const group = firstGroup(this.asked);
      if ((await this.settle(group)) || (await this.settleOneByOne(group))) {
        failures = 0;
        continue;
      }
      const isLeft = (one: Asked) => group.includes(one);
      this.asked = [...this.asked.filter((one) => !isLeft(one)), ...this.asked.filter(isLeft)];
      await delay(backoff(failures++, RETRY), undefined, { ref: false });
    }
    this.running = false;
  }

  /** False when the group has to be tried again. */
  private async settle(group: readonly Asked[]): Promise<boolean> {
    try {
      const mine = await this.write(group.flatMap(({ keys }) => keys));
      this.asked = this.asked.filter((one) => !group.includes(one));
      for (const { answer } of group) answer(mine);
      return true;
    } catch (error) {
      this.logger.error({ err: error }, 'calls could not be noted, so they wait');
      return false;
    }
  }

  /** One session, whose rows others hold, must not hold up the rest. False when some have to be tried again. */
  private async settleOneByOne(group: readonly Asked[]): Promise<boolean> {
    if (group.length === 1) return false;
    let failed = 0;
    for (const one of group) {
      // More than one: it is the database.
      if (!(await this.settle([one])) && ++failed > 1) return false;
    }
    return failed === 0;
  }

  private write(keys: AttemptKey[]): Promise<Set<string>> {
    const sorted = [...keys].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
    return this.database.workerSql((query) => this.attempts.noteCalls(query, this.self.name, sorted));
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
