import type { ClaimedMessage } from './claimed-message.js';
import { MOST_IN_FLIGHT } from './lane-calls.js';

/** Of each chat so many are noted before it is their turn, so that the next call need not wait. */
const NOTED_PER_CHAT = 2;
/** So many go into one note, as long as there are others to call. */
const NOTED_AT_LEAST = 6;
const READY_AT_LEAST = 2;

/**
 * What a lane has claimed, by chat and in order; and which of it may be called, because that is noted. A chat is here
 * while it has any, also one that is being sent.
 */
export class LaneChats {
  private readonly chats = new Map<string, ClaimedMessage[]>();
  private readonly asked = new Set<ClaimedMessage>();
  private readonly callable = new Set<ClaimedMessage>();

  get size(): number {
    let count = 0;
    for (const messages of this.chats.values()) count += messages.length;
    return count;
  }

  /** Messages that are next in their chats, or next but one: a long queue of one chat counts no more than that. */
  get nearest(): number {
    let count = 0;
    for (const messages of this.chats.values()) count += Math.min(messages.length, NOTED_PER_CHAT);
    return count;
  }

  /** Chats that have enough for now. */
  listFull(): string[] {
    return this.ids.filter((chat) => this.isFull(chat));
  }

  isFull(chat: string): boolean {
    return (this.chats.get(chat)?.length ?? 0) >= NOTED_PER_CHAT;
  }

  /** Noted and not ended, or about to be noted. */
  get notedCount(): number {
    return this.asked.size + this.callable.size;
  }

  get ids(): string[] {
    return [...this.chats.keys()];
  }

  add(message: ClaimedMessage): void {
    const waiting = this.chats.get(message.chatId);
    if (waiting) waiting.push(message);
    else this.chats.set(message.chatId, [message]);
  }

  has(messageId: string, attempt: number): boolean {
    for (const messages of this.chats.values()) {
      if (messages.some((message) => message.id === messageId && message.attempt === attempt)) return true;
    }
    return false;
  }

  holds(message: ClaimedMessage): boolean {
    return this.chats.get(message.chatId)?.includes(message) ?? false;
  }

  /** Those that are next in chats where nothing is under way, and may be called. */
  listCallable(sending: ReadonlySet<string>): ClaimedMessage[] {
    return [...this.chats].flatMap(([chat, [next]]) =>
      next && !sending.has(chat) && this.callable.has(next) ? [next] : [],
    );
  }

  /** Those to be noted next, the next of each chat first; counts as asked from now on. `most` noted at a time. */
  takeUnnoted(most: number, sending: ReadonlySet<string>): ClaimedMessage[] {
    if (!this.isNoteDue(most, sending)) return [];
    const taken: ClaimedMessage[] = [];
    for (let place = 0; place < NOTED_PER_CHAT; place += 1) {
      for (const messages of this.chats.values()) {
        if (this.notedCount >= most) return taken;
        const message = messages[place];
        if (!message || this.asked.has(message) || this.callable.has(message)) continue;
        this.asked.add(message);
        taken.push(message);
      }
    }
    return taken;
  }

  /** Few at a time are worth no transaction, unless calls may soon wait for it. */
  private isNoteDue(most: number, sending: ReadonlySet<string>): boolean {
    if (most - this.notedCount >= NOTED_AT_LEAST) return true;
    const ready =
      sending.size < MOST_IN_FLIGHT
        ? this.asked.size + this.listCallable(sending).length
        : this.notedCount - sending.size;
    return ready < READY_AT_LEAST;
  }

  /** It may be called from now on, if it is still here. */
  noted(message: ClaimedMessage): void {
    this.asked.delete(message);
    if (this.holds(message)) this.callable.add(message);
  }

  remove(message: ClaimedMessage): void {
    this.asked.delete(message);
    this.callable.delete(message);
    const rest = (this.chats.get(message.chatId) ?? []).filter((one) => one !== message);
    if (rest.length > 0) this.chats.set(message.chatId, rest);
    else this.chats.delete(message.chatId);
  }

  /** Takes out what of a chat is not being sent. */
  removeUncalled(chat: string, isSending: boolean): ClaimedMessage[] {
    const uncalled = (this.chats.get(chat) ?? []).slice(isSending ? 1 : 0);
    for (const message of uncalled) this.remove(message);
    return uncalled;
  }
}
