import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { AppError, isAppError } from '#kernel';
import { failpoint } from '#runtime';
import { AcceptRepository, type RefusedDraft } from './accept-repository.js';
import type { Acceptance, MessageDraft } from './message-draft.js';

/** Transactions at a time: one is written while the other waits for the disk. */
const LANES = 2;
/** Accepts that arrive within this time share a transaction while another one is under way. */
const GATHER_MS = 1;
const LARGEST_BATCH = 64;
/** Beyond this many waiting the database is too slow for what comes in. */
const MOST_WAITING = 5_000;

interface Waiting {
  draft: MessageDraft;
  resolve: (acceptance: Acceptance) => void;
  reject: (error: unknown) => void;
}

/** Called with the sessions that have new messages, after their commit. */
export abstract class QueueSignal {
  /** True when this process dispatches by itself, so that nobody else needs to be told at once. */
  abstract readonly isLocal: boolean;
  abstract wake(sessionId: string): void;
}

/**
 * Accepts messages durably: resolves after the commit. What arrives while a transaction is under way goes into the
 * next one, so under load many share the cost of a commit, and alone nobody waits.
 */
@Injectable()
export class AcceptQueue implements BeforeApplicationShutdown {
  private waiting: Waiting[] = [];
  private running = 0;
  private timer: NodeJS.Timeout | NodeJS.Immediate | undefined;
  private idle: (() => void) | undefined;

  constructor(
    private readonly repository: AcceptRepository,
    @Inject(QueueSignal) private readonly signal: QueueSignal,
  ) {}

  /**
   * @throws AppError `idempotency_key_reused`, `idempotency_in_progress`, `daily_limit_reached`, `not_found` (the
   *   session was deleted meanwhile), `media_not_stored`, `service_unavailable` (nothing was accepted, unless its
   *   `outcome` is `unknown`)
   */
  accept(draft: MessageDraft): Promise<Acceptance> {
    if (this.waiting.length >= MOST_WAITING) {
      throw new AppError('service_unavailable', 'too many requests are waiting for the database; try again', {
        outcome: 'not_sent',
        retryAfterSeconds: 1,
      });
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ draft, resolve, reject });
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
    const batch = this.waiting.slice(0, LARGEST_BATCH);
    this.waiting = this.waiting.slice(LARGEST_BATCH);
    this.running += 1;
    void this.write(batch).finally(() => {
      this.running -= 1;
      this.schedule();
      if (this.running === 0 && this.waiting.length === 0) this.idle?.();
    });
  }

  private async write(batch: Waiting[]): Promise<void> {
    try {
      const refused = await this.repository.accept(drafts(batch), !this.signal.isLocal);
      await failpoint('api.accept.after-commit');
      settle(batch, refused);
      this.wake(batch);
    } catch (error) {
      if (isAppError(error) && error.outcome === 'unknown') await this.settleByLooking(batch, error);
      else if (batch.length > 1 && !isAppError(error)) await this.writeOneByOne(batch);
      else for (const { reject } of batch) reject(error);
    }
  }

  /** One draft that the database refuses must not take the others with it. */
  private async writeOneByOne(batch: Waiting[]): Promise<void> {
    for (const one of batch) await this.write([one]);
  }

  /** The connection was lost during the commit: the rows say whether it happened. */
  private async settleByLooking(batch: Waiting[], lost: AppError): Promise<void> {
    try {
      const stored = await this.repository.listStored(drafts(batch));
      for (const { draft, resolve, reject } of batch) {
        if (stored.has(draft.id)) resolve({ outcome: 'accepted' });
        else
          reject(
            new AppError(lost.code, lost.message, { outcome: 'not_sent', retryAfterSeconds: 1, cause: lost }),
          );
      }
      this.wake(batch);
    } catch {
      // Still away: the first error tells the caller that it is not known.
      for (const { reject } of batch) reject(lost);
    }
  }

  private wake(batch: Waiting[]): void {
    for (const sessionId of new Set(batch.map(({ draft }) => draft.sessionId))) this.signal.wake(sessionId);
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

function refusal(outcome: RefusedDraft['outcome']): AppError {
  switch (outcome) {
    case 'key_reused':
      return new AppError('idempotency_key_reused', 'this Idempotency-Key was used for a different request');
    case 'in_progress':
      return new AppError('idempotency_in_progress', 'a request with this Idempotency-Key is still running', {
        retryAfterSeconds: 1,
      });
    case 'tenant_cap':
    case 'session_cap':
      return capReached(outcome === 'tenant_cap' ? 'tenant' : 'session');
    case 'session_gone':
      return new AppError('not_found', 'there is no such session');
    case 'media_gone':
      return new AppError('not_found', 'there is no such media');
    default:
      return new AppError(
        'internal',
        'something went wrong on our side; quote the request id when you report it',
      );
  }
}

function capReached(whose: 'tenant' | 'session'): AppError {
  const now = new Date();
  const resetMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() + 1);
  return new AppError(
    'daily_limit_reached',
    `the ${whose}'s daily message limit is reached; it starts anew at 00:00 UTC`,
    {
      retryAfterSeconds: Math.ceil((resetMs - now.getTime()) / 1_000),
      details: [{ path: `limit.${whose}`, message: 'messages per UTC day' }],
      outcome: 'not_sent',
    },
  );
}
