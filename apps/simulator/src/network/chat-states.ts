import type { ChatState } from '../wire.js';

const MOST_KEPT = 10_000;

export interface ShownChatState {
  from: string;
  /** Phone, or group id. */
  to: string;
  state: ChatState;
  /** Milliseconds since 1970. */
  at: number;
}

/** What logins showed in their chats, the newest last; in memory only. */
export class ChatStates {
  private shown: ShownChatState[] = [];

  note(from: string, to: string, state: ChatState): void {
    this.shown.push({ from, to, state, at: Date.now() });
    if (this.shown.length > 2 * MOST_KEPT) this.shown = this.shown.slice(-MOST_KEPT);
  }

  list({ from, to, limit = MOST_KEPT }: { from?: string; to?: string; limit?: number }): ShownChatState[] {
    return this.shown
      .filter((one) => (from === undefined || one.from === from) && (to === undefined || one.to === to))
      .slice(-limit);
  }
}
