import { backoff } from '#kernel';
import { CLAIM_SIZE, type Claim } from './claim-repository.js';
import type { AttemptEnd, AttemptResult, ClaimedMessage } from './claimed-message.js';

/** Sends of one session under way at a time, each in another chat. */
const MOST_IN_FLIGHT = 4;
/** The next claim is made when this few messages are left, so that the node never waits for it. */
const REFILL_AT = 4;
const BUSY_RETRY_MS = 50;
const LOCKED_RETRY_MS = 5;
/** New messages for a session that is away do not each ask for it; its return does. */
const HELD_PAUSE_MS = 1_000;
const FAILED_CLAIM_RETRY_MS = 1_000;
const PAUSE = { baseMs: 500, maxMs: 30_000 };

/** What a lane does its work with. */
export interface LaneParts {
  claim: () => Promise<Claim>;
  send: (message: ClaimedMessage) => Promise<AttemptEnd>;
  write: (result: AttemptResult) => Promise<void>;
  claimFailed: (error: unknown) => void;
}

/**
 * Works off the queue of one session: claims messages, calls the node for each, the next of a chat only after the
 * answer to the one before. After an answer that says "not now", what was claimed and not called goes back to the
 * queue and the lane rests for a moment.
 */
export class SessionLane {
  /** Claimed messages by chat, in order; a chat is here while it has any, also one that is being sent. */
  private readonly chats = new Map<string, ClaimedMessage[]>();
  private readonly sending = new Set<string>();
  /** There may be more in the queue than was claimed. */
  private mayHaveMore = false;
  private claiming: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private pausedUntilMs = 0;
  private pauses = 0;
  private stopped = false;
  private readonly calls = new Set<Promise<void>>();
  /** Messages on their way back into the queue: until they are there, what stands behind them could be claimed. */
  private goingBack = 0;
  /** Chats of which something went back since the last claim began: what that claim brings stands behind it. */
  private readonly disturbed = new Set<string>();

  constructor(private readonly parts: LaneParts) {}

  /** Nothing to do and nothing under way. */
  get isIdle(): boolean {
    return (
      !this.mayHaveMore && !this.claiming && !this.timer && this.chats.size === 0 && this.calls.size === 0
    );
  }

  /** There may be something to send. `reconnected`: the reason for a pause may be gone. */
  wake({ reconnected = false } = {}): void {
    if (this.stopped) return;
    if (reconnected) this.pausedUntilMs = 0;
    this.mayHaveMore = true;
    this.step();
  }

  /** Claims and calls nothing more, gives back what was not called, and waits for the calls under way. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.claiming;
    this.release();
    while (this.calls.size > 0) await Promise.all(this.calls);
  }

  private step(): void {
    if (this.stopped) return;
    for (const [chat, [next]] of this.chats) {
      if (this.sending.size >= MOST_IN_FLIGHT) break;
      if (next && !this.sending.has(chat)) this.call(chat, next);
    }
    const canClaim = !this.claiming && this.goingBack === 0 && this.count() <= REFILL_AT;
    if (this.mayHaveMore && canClaim) this.refill();
  }

  private count(): number {
    let count = 0;
    for (const messages of this.chats.values()) count += messages.length;
    return count;
  }

  private refill(): void {
    const restMs = this.pausedUntilMs - performance.now();
    if (restMs > 0) {
      this.later(restMs);
      return;
    }
    clearTimeout(this.timer);
    this.timer = undefined;
    this.mayHaveMore = false;
    this.disturbed.clear();
    this.claiming = this.claim().finally(() => {
      this.claiming = undefined;
      this.step();
    });
  }

  private async claim(): Promise<void> {
    try {
      const claim = await this.parts.claim();
      if (claim.state === 'claimed') this.take(claim.messages);
      else if (claim.state === 'locked') this.later(LOCKED_RETRY_MS);
      else if (claim.state === 'busy') this.later(BUSY_RETRY_MS);
      else if (claim.state === 'held') this.pausedUntilMs = performance.now() + HELD_PAUSE_MS;
    } catch (error) {
      this.parts.claimFailed(error);
      this.later(FAILED_CLAIM_RETRY_MS);
    }
  }

  private take(messages: ClaimedMessage[]): void {
    for (const message of messages) {
      const waiting = this.chats.get(message.chatId);
      if (this.disturbed.has(message.chatId)) this.write(message, { kind: 'released' });
      else if (waiting) waiting.push(message);
      else this.chats.set(message.chatId, [message]);
    }
    if (messages.length >= CLAIM_SIZE) this.mayHaveMore = true;
  }

  private later(waitMs: number): void {
    this.mayHaveMore = true;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.step();
    }, waitMs);
  }

  private call(chat: string, message: ClaimedMessage): void {
    this.sending.add(chat);
    const call = this.send(chat, message).finally(() => {
      this.calls.delete(call);
      this.step();
    });
    this.calls.add(call);
  }

  private async send(chat: string, message: ClaimedMessage): Promise<void> {
    const isExpired = message.expiresAt !== null && message.expiresAt.getTime() <= Date.now();
    const end: AttemptEnd = isExpired ? { kind: 'released' } : await this.parts.send(message);
    this.sending.delete(chat);
    const waiting = this.chats.get(chat);
    waiting?.shift();
    if (waiting?.length === 0) this.chats.delete(chat);
    this.write(message, end);
    this.react(chat, end);
  }

  private react(chat: string, end: AttemptEnd): void {
    if (end.kind === 'released' || end.outcome.outcome === 'handed') {
      if (end.kind === 'outcome') this.pauses = 0;
      return;
    }
    const { outcome } = end;
    if (outcome.outcome === 'unknown') this.releaseChat(chat);
    else if (outcome.retry) {
      this.release();
      this.pausedUntilMs = performance.now() + backoff(this.pauses++, PAUSE);
      this.mayHaveMore = true;
    }
  }

  /** Gives back everything that was claimed and not called. */
  private release(): void {
    for (const chat of [...this.chats.keys()]) this.releaseChat(chat);
  }

  private releaseChat(chat: string): void {
    const waiting = this.chats.get(chat) ?? [];
    const called = this.sending.has(chat) ? waiting.slice(0, 1) : [];
    const uncalled = waiting.slice(called.length);
    if (called.length > 0) this.chats.set(chat, called);
    else this.chats.delete(chat);
    for (const message of uncalled) this.write(message, { kind: 'released' });
  }

  /** A chat's next message does not wait for this; a lane that stops does. */
  private write({ session, id, attempt, chatId }: ClaimedMessage, end: AttemptEnd): void {
    const isGoingBack = end.kind === 'released' || end.outcome.outcome !== 'handed';
    if (isGoingBack) {
      this.goingBack += 1;
      this.disturbed.add(chatId);
    }
    const written = this.parts
      .write({ tenantId: session.tenantId, messageId: id, attempt, end })
      .finally(() => {
        this.calls.delete(written);
        if (isGoingBack) this.goingBack -= 1;
        this.step();
      });
    this.calls.add(written);
  }
}
