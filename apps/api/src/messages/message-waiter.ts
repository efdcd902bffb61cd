import { Injectable } from '@nestjs/common';
import type { MessageStatus } from '#contracts';
import type { AuthContext } from '../auth/index.js';
import { MessageRepository } from './message-repository.js';
import type { StoredMessage } from './stored-message.js';
import { MessageWatch } from './message-watch.js';

const LONGEST_WAIT_MS = 30_000;
/** What another process changes is only seen by looking. */
const LOOK_EVERY_MS = 300;
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
  constructor(
    private readonly messages: MessageRepository,
    private readonly watch: MessageWatch,
  ) {}

  /** The message when it is that far, when it has ended otherwise, or as it is after 30 seconds. */
  async wait(
    auth: AuthContext,
    id: string,
    target: WaitFor,
  ): Promise<{ message: StoredMessage; isDone: boolean }> {
    const until = performance.now() + LONGEST_WAIT_MS;
    for (;;) {
      const change = this.nextChange(id);
      const message = await this.messages.get(auth, id);
      const isDone = (target === 'sent' ? SENT : DELIVERED).has(message.status) || ENDED.has(message.status);
      if (isDone || performance.now() >= until) {
        change.cancel();
        return { message, isDone };
      }
      await change.happened;
    }
  }

  private nextChange(id: string): { happened: Promise<void>; cancel: () => void } {
    let cancel = () => {};
    const happened = new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        stop();
        resolve();
      };
      const timer = setTimeout(end, LOOK_EVERY_MS);
      const stop = this.watch.follow(id, () => setTimeout(end, SETTLE_MS));
      cancel = end;
    });
    return { happened, cancel };
  }
}
