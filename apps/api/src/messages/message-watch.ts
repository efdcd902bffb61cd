import { Injectable } from '@nestjs/common';

/** Tells those who wait for a message that its row may have changed. Within this process only; waiters look anyway. */
@Injectable()
export class MessageWatch {
  private readonly waiters = new Map<string, Set<() => void>>();

  /** `changed` is called until the returned function is. */
  follow(messageId: string, changed: () => void): () => void {
    const waiting = this.waiters.get(messageId) ?? new Set();
    waiting.add(changed);
    this.waiters.set(messageId, waiting);
    return () => {
      waiting.delete(changed);
      if (waiting.size === 0) this.waiters.delete(messageId);
    };
  }

  tell(messageId: string): void {
    for (const changed of this.waiters.get(messageId) ?? []) changed();
  }
}
