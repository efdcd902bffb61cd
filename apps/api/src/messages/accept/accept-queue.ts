import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, isAppError } from '#kernel';
import { failpoint } from '#runtime';
import { LOGGER } from '../../http/index.js';
import { AcceptRepository, type RefusedDraft, type WrittenBatch } from './accept-repository.js';
import type { Acceptance, MessageDraft } from './message-draft.js';
import { refusal } from './refusal.js';

/** Transactions at a time: one is written while the other waits for the disk. */
const LANES = 2;
/** Accepts that arrive within this time share a transaction while another one is under way. */
const GATHER_MS = 1;
const LARGEST_BATCH = 64;
/** Beyond this many waiting the database is too slow for what comes in. */
const MOST_WAITING = 5_000;
/** Characters of what waits; it is held about three times, as text, as JSON and on its way. */
const MOST_WAITING_SIZE = 32_000_000;
/** What is not begun by then certainly was not written, and its caller need not wait any longer. */
const LONGEST_WAIT_MS = 5_000;
/** How long to ask what became of a commit whose answer was lost: the server may still be at it. */
const ASK_FOR_MS = 10_000;
const ASK_EVERY_MS = 200;

interface Waiting {
  draft: MessageDraft;
  size: number;
  sinceMs: number;
  resolve: (acceptance: Acceptance) => void;
  reject: (error: unknown) => void;
}

/** Called with the sessions that have new messages, after their commit. */
export abstract class QueueSignal {
  /** True when this process dispatches by itself, so that nobody else needs to be told at once. */
  abstract readonly isLocal: boolean;
  /** @param chats those of the new messages */
  abstract wake(sessionId: string, chats: readonly string[]): void;
}

/**
 * Accepts messages durably: resolves after the commit. What arrives while a transaction is under way goes into the
 * next one, so under load many share the cost of a commit, and alone nobody waits.
 */
@Injectable()
export class AcceptQueue implements BeforeApplicationShutdown {
  private waiting: Waiting[] = [];
  private waitingSize = 0;
  private running = 0;
  private timer: NodeJS.Timeout | NodeJS.Immediate | undefined;
  private deadline: NodeJS.Timeout | undefined;
  private idle: (() => void) | undefined;

  constructor(
    private readonly repository: AcceptRepository,
    @Inject(QueueSignal) private readonly signal: QueueSignal,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * @throws AppError `idempotency_key_reused`, `idempotency_in_progress`, `daily_limit_reached`, `not_found` (the
   *   session was deleted meanwhile), `media_not_stored`, `service_unavailable` (nothing was accepted, unless its
   *   `outcome` is `unknown`)
   */
  accept(draft: MessageDraft): Promise<Acceptance> {
    const size = sizeOf(draft);
    if (this.waiting.length >= MOST_WAITING || this.waitingSize + size > MOST_WAITING_SIZE) throw tooSlow();
    return new Promise((resolve, reject) => {
      this.waiting.push({ draft, size, sinceMs: performance.now(), resolve, reject });
      this.waitingSize += size;
      this.deadline ??= setTimeout(() => this.rejectOverdue(), LONGEST_WAIT_MS);
      this.schedule();
    });
  }

  async beforeApplicationShutdown(): Promise<void> {
    if (this.running === 0 && this.waiting.length === 0) return;
    await new Promise<void>((resolve) => (this.idle = resolve));
  }

  private schedule(): void {
    if (this.running >= LANES || this.waiting.length === 0) return;
    if (this.waiting.length >= LARGEST_BATCH) {
      this.flush();
    } else {
      // Alone: as soon as the requests that are already being read have come this far.
      this.timer ??=
        this.running === 0 ? setImmediate(() => this.flush()) : setTimeout(() => this.flush(), GATHER_MS);
    }
  }

  private flush(): void {
    this.timer = undefined;
    if (this.running >= LANES || this.waiting.length === 0) return;
    const batch = this.take(LARGEST_BATCH);
    this.running += 1;
    void this.write(batch).finally(() => {
      this.running -= 1;
      this.schedule();
      if (this.running === 0 && this.waiting.length === 0) this.idle?.();
    });
  }

  private take(count: number): Waiting[] {
    const taken = this.waiting.slice(0, count);
    this.waiting = this.waiting.slice(count);
    for (const { size } of taken) this.waitingSize -= size;
    return taken;
  }

  private rejectOverdue(): void {
    const overdueSinceMs = performance.now() - LONGEST_WAIT_MS;
    const first = this.waiting.findIndex(({ sinceMs }) => sinceMs > overdueSinceMs);
    for (const { reject } of this.take(first < 0 ? this.waiting.length : first)) reject(tooSlow());
    const [next] = this.waiting;
    this.deadline = next && setTimeout(() => this.rejectOverdue(), next.sinceMs - overdueSinceMs);
  }

  private async write(batch: Waiting[]): Promise<void> {
    let written: WrittenBatch | undefined;
    try {
      const refused = await this.repository.accept(drafts(batch), !this.signal.isLocal, (what) => {
        written = what;
      });
      await failpoint('api.accept.after-commit');
      settle(batch, refused);
      this.wake(batch);
    } catch (error) {
      if (isAppError(error) && error.outcome === 'unknown') await this.settleByAsking(batch, error, written);
      else if (batch.length > 1 && !isAppError(error)) await this.writeOneByOne(batch);
      else for (const { reject } of batch) reject(error);
    }
  }

  /** One draft that the database refuses must not take the others with it. */
  private async writeOneByOne(batch: Waiting[]): Promise<void> {
    for (const one of batch) await this.write([one]);
  }

  /** The connection was lost during the commit: the server says what became of it, once it is over. */
  private async settleByAsking(batch: Waiting[], lost: AppError, written?: WrittenBatch): Promise<void> {
    const fate = written && (await this.fateOf(written, drafts(batch)));
    if (fate === 'committed') {
      settle(batch, written?.refused ?? []);
      this.wake(batch);
      return;
    }
    const { code, message } = lost;
    const error =
      fate === 'aborted'
        ? new AppError(code, message, { outcome: 'not_sent', retryAfterSeconds: 1, cause: lost })
        : lost;
    for (const { reject } of batch) reject(error);
  }

  /** Undefined when nobody can tell. */
  private async fateOf(
    { xact, refused }: WrittenBatch,
    all: MessageDraft[],
  ): Promise<'committed' | 'aborted' | undefined> {
    const ids = new Set(refused.map(({ id }) => id));
    const accepted = all.filter(({ id }) => !ids.has(id));
    const untilMs = performance.now() + ASK_FOR_MS;
    do {
      try {
        const fate = await this.repository.fateOf(xact, accepted);
        if (fate === null) return undefined;
        if (fate !== 'in progress') return fate;
      } catch (error) {
        this.logger.error({ err: error }, 'what became of a commit could not be asked for');
      }
      await delay(ASK_EVERY_MS);
    } while (performance.now() < untilMs);
    return undefined;
  }

  private wake(batch: Waiting[]): void {
    const chats = new Map<string, Set<string>>();
    for (const { draft } of batch) {
      const known = chats.get(draft.sessionId);
      if (known) known.add(draft.chatId);
      else chats.set(draft.sessionId, new Set([draft.chatId]));
    }
    for (const [sessionId, ids] of chats) this.signal.wake(sessionId, [...ids]);
  }
}

function drafts(batch: Waiting[]): MessageDraft[] {
  return batch.map(({ draft }) => draft);
}

function settle(batch: Waiting[], refused: RefusedDraft[]): void {
  const byId = new Map(refused.map((row) => [row.id, row]));
  for (const { draft, resolve, reject } of batch) {
    const row = byId.get(draft.id);
    if (!row) resolve({ outcome: 'accepted' });
    else if (row.outcome === 'replayed' && row.body !== null)
      resolve({ outcome: 'replayed', answer: row.body });
    else reject(refusal(row.outcome));
  }
}

function sizeOf({ content, metadata, idempotency }: MessageDraft): number {
  const told = idempotency?.answer.length ?? 0;
  return told + JSON.stringify(content).length + (metadata === null ? 0 : JSON.stringify(metadata).length);
}

function tooSlow(): AppError {
  return new AppError('service_unavailable', 'too many requests are waiting for the database; try again', {
    outcome: 'not_sent',
    retryAfterSeconds: 1,
  });
}
