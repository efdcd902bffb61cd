import { Injectable } from '@nestjs/common';
import type { MessageStatus } from '#contracts';
import type { AuthContext } from '../auth/index.js';
import { HealthRegistry } from '../health/index.js';
import { MessageRepository } from './message-repository.js';
import type { StoredMessage } from './stored-message.js';
import { MessageWatch } from './message-watch.js';

const LONGEST_WAIT_MS = 30_000;
/** What another process changes is only seen by looking, less often the longer it takes. */
const FIRST_LOOK_MS = 300;
const SLOWEST_LOOK_MS = 2_000;
/** Waits of this process at a time, and of one tenant; beyond, an answer is given at once. */
const MOST_WAITS = 1_000;
const MOST_OF_TENANT = 100;
/** The row is told of while its transaction may still be on its way. */
const SETTLE_MS = 5;

const SENT: ReadonlySet<MessageStatus> = new Set(['sent', 'delivered', 'read', 'played']);
const DELIVERED: ReadonlySet<MessageStatus> = new Set(['delivered', 'read', 'played']);
/** Nothing more is to come, or nobody can say when. */
const ENDED: ReadonlySet<MessageStatus> = new Set([
  'failed',
  'expired',
  'cancelled',
  'unknown',
  'unknown_final',
]);

export type WaitFor = 'sent' | 'delivered';

/** Holds an answer until a message has come as far as its sender wants to know. */
@Injectable()
export class MessageWaiter {
  private readonly ofTenant = new Map<string, number>();
  private waits = 0;

  constructor(
    private readonly messages: MessageRepository,
    private readonly watch: MessageWatch,
    private readonly health: HealthRegistry,
  ) {}

  /**
   * The message when it is that far, when it has ended otherwise, or as it is: after 30 seconds, when too many wait, when
   * this process is about to end, or when nobody waits for the answer any more.
   */
  async wait(
    auth: AuthContext,
    id: string,
    target: WaitFor,
    hungUp?: AbortSignal,
  ): Promise<{ message: StoredMessage; isDone: boolean }> {
    const { tenantId } = auth;
    const others = this.ofTenant.get(tenantId) ?? 0;
    const mayWait = this.waits < MOST_WAITS && others < MOST_OF_TENANT;
    this.waits += 1;
    this.ofTenant.set(tenantId, others + 1);
    try {
      return await this.look(auth, id, target, mayWait ? LONGEST_WAIT_MS : 0, hungUp);
    } finally {
      this.waits -= 1;
      const left = (this.ofTenant.get(tenantId) ?? 1) - 1;
      if (left > 0) this.ofTenant.set(tenantId, left);
      else this.ofTenant.delete(tenantId);
    }
  }

  /** How many requests of a tenant wait in this process. */
  waiting(tenantId: string): number {
    return this.ofTenant.get(tenantId) ?? 0;
  }

  private async look(
    auth: AuthContext,
    id: string,
    target: WaitFor,
    longestMs: number,
    hungUp: AbortSignal | undefined,
  ) {
    const until = performance.now() + longestMs;
    for (let pauseMs = FIRST_LOOK_MS; ; pauseMs = Math.min(2 * pauseMs, SLOWEST_LOOK_MS)) {
      const waitMs = Math.min(pauseMs, Math.max(0, until - performance.now()));
      const change = this.nextChange(id, waitMs, hungUp);
      const message = await this.messages.get(auth, id).catch((error: unknown) => {
        change.cancel();
        throw error;
      });
      const isDone = (target === 'sent' ? SENT : DELIVERED).has(message.status) || ENDED.has(message.status);
      const isOver = this.health.isLeaving || hungUp?.aborted === true || performance.now() >= until;
      if (isDone || isOver) {
        change.cancel();
        return { message, isDone };
      }
      await change.happened;
    }
  }

  private nextChange(
    id: string,
    withinMs: number,
    hungUp: AbortSignal | undefined,
  ): { happened: Promise<void>; cancel: () => void } {
    let cancel = () => {};
    const happened = new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        stop();
        hungUp?.removeEventListener('abort', end);
        resolve();
      };
      hungUp?.addEventListener('abort', end);
      const timer = setTimeout(end, withinMs);
      const stop = this.watch.follow(id, () => setTimeout(end, SETTLE_MS));
      cancel = end;
    });
    return { happened, cancel };
  }
}
