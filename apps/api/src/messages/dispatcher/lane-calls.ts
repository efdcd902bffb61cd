import { LARGE_TRANSFER_BYTES } from '#contracts';
import type { ClaimedMessage } from './claimed-message.js';

/**
 * Sends of one session under way at a time, each in another chat. The browser's work for one is less the more of them
 * overlap.
 */
export const MOST_IN_FLIGHT = 8;
/** Calls noted at a time: those under way, and those that come next. What crashes has as many to be looked up. */
export const MOST_NOTED = 16;
/** Sends under way that show "typing" first; they take nothing from the others. */
const MOST_TYPING = 32;

/** The sends of a lane that are under way: which message may go along with them. */
export class LaneCalls {
  /** Their chats. */
  readonly sending = new Set<string>();
  /** Chats of these in which "typing" shows first. */
  private readonly typing = new Set<string>();
  private isAlone = false;
  /** The node lets one through at a time: a second would only wait there. */
  private hasLarge = false;

  get typingCount(): number {
    return this.typing.size;
  }

  get mostNoted(): number {
    return MOST_NOTED + this.typing.size;
  }

  /** The first of these that may be called now. One during which the page died goes before all, and alone. */
  next(callable: readonly ClaimedMessage[]): ClaimedMessage | undefined {
    if (this.isAlone) return undefined;
    const suspect = callable.find(({ crashes }) => crashes > 0);
    if (suspect) return this.sending.size === 0 ? suspect : undefined;
    return callable.find((message) => this.hasRoom(message));
  }

  begin(message: ClaimedMessage): void {
    const { chatId, typing, crashes } = message;
    this.sending.add(chatId);
    if (typing) this.typing.add(chatId);
    if (isLarge(message)) this.hasLarge = true;
    this.isAlone = crashes > 0;
  }

  end(message: ClaimedMessage): void {
    this.sending.delete(message.chatId);
    this.typing.delete(message.chatId);
    if (isLarge(message)) this.hasLarge = false;
    this.isAlone = false;
  }

  private hasRoom(message: ClaimedMessage): boolean {
    if (this.hasLarge && isLarge(message)) return false;
    if (message.typing) return this.typing.size < MOST_TYPING;
    return this.sending.size - this.typing.size < MOST_IN_FLIGHT;
  }
}

function isLarge({ mediaSize }: ClaimedMessage): boolean {
  return mediaSize !== null && mediaSize >= LARGE_TRANSFER_BYTES;
}
