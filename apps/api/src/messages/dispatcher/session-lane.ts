import { backoff } from '#kernel';
import { CLAIM_SIZE, type Claim } from './claim-repository.js';
import { attemptKey } from './attempt-repository.js';
import type { AttemptEnd, ClaimedMessage } from './claimed-message.js';
import { LaneCalls, MOST_IN_FLIGHT } from './lane-calls.js';
import { LaneChats } from './lane-chats.js';
import type { LaneParts, Wake } from './lane-parts.js';
import { LaneTimer } from './lane-timer.js';

/** The next claim is made when this few messages are left, so that the node never waits for it. */
const REFILL_AT = MOST_IN_FLIGHT;
/** Another process claims; or has messages of the session under way, and takes what is due itself. */
const OTHERS = { locked: { baseMs: 5, maxMs: 250 }, busy: { baseMs: 100, maxMs: 1_000 } };
/** New messages for a session that is away do not each ask for it; its return does. */
const HELD_PAUSE_MS = 1_000;
const FAILED_CLAIM_RETRY_MS = 1_000;
/** What is new may be for a chat that has enough. */
const PASSED_OVER_PAUSE_MS = 20;
/** A policy may be changed, and a stranger may write, without a word to this lane. */
const LONGEST_REST_MS = 60_000;
/** Until something under way has ended that this lane does not know of. */
const UNTOLD_REST_MS = 1_000;
/** What is new may be for people who may be written to; but not each message asks. */
const STRANGERS_PAUSE_MS = 250;
/** Then what is to others may become due again without a word. */
const STRANGERS_REST_MS = 3_000;
const PAUSE = { baseMs: 500, maxMs: 30_000 };

/**
 * Works off the queue of one session: claims messages, notes the calls that come next, calls the node for each, the next
 * of a chat only after the answer to the one before. After an answer that says "not now", what was claimed and not
 * called goes back to the queue and the lane rests for a moment. A message during which the page died is called alone,
 * so that its end says something about it and takes nothing else along.
 */
export class SessionLane {
  private readonly chats = new LaneChats();
  private readonly slots = new LaneCalls();
  private mayHaveMore = false;
  private claiming: Promise<void> | undefined;
  /** More may be claimed only when nothing is under way. */
  private isSingly = false;
  private readonly timer = new LaneTimer(() => {
    this.mayHaveMore = true;
    this.step();
  });
  private pausedUntilMs = 0;
  private pauses = 0;
  private waits = 0;
  /** The answer of a claim was lost: it may have been made all the same. */
  private mayHaveLost = false;
  /** What the claim under way brings goes back. */
  private givesBackNext = false;
  /** Notes that the claim under way may make. */
  private reservedNotes = 0;
  private stopped = false;
  private readonly calls = new Set<Promise<void>>();
  /** Messages on their way back into the queue: until they are there, what stands behind them could be claimed. */
  private goingBack = 0;
  /** Chats of which the last claim took nothing, as they had enough. */
  private passedOver = new Set<string>();
  /** Chats of which something went back since the last claim began: what that claim brings stands behind it. */
  private readonly disturbed = new Set<string>();

  constructor(private readonly parts: LaneParts) {}

  get isClaiming(): boolean {
    return this.claiming !== undefined;
  }

  has(messageId: string, attempt: number): boolean {
    return this.chats.has(messageId, attempt);
  }

  /** Nothing to do and nothing under way. */
  get isIdle(): boolean {
    return (
      !this.mayHaveMore &&
      !this.claiming &&
      !this.timer.isSet &&
      this.chats.size === 0 &&
      this.calls.size === 0
    );
  }

  /**
   * There may be something to send. `reconnected`: the reason for a pause may be gone. `isNews` false: nothing told of
   * it, so a lane that waits for its moment goes on waiting. `chats`: of these; one that has enough asks by itself.
   */
  wake({ reconnected = false, isNews = true, chats }: Wake = {}): void {
    if (this.stopped || (this.timer.isSet && !isNews)) return;
    if (reconnected) this.pausedUntilMs = 0;
    if (chats?.every((chat) => this.passedOver.has(chat) && this.chats.isFull(chat))) return;
    this.mayHaveMore = true;
    this.step();
  }

  /** The queue is paused, or only that of these chats is stopped: gives back what was not called. */
  hold(chats?: readonly string[]): void {
    if (this.stopped) return;
    if (!chats) this.givesBackNext = this.isClaiming;
    for (const chat of chats ?? []) this.disturbed.add(chat);
    this.release(chats);
  }

  /** Claims and calls nothing more, gives back what was not called, and waits for the calls under way. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.timer.clear();
    await this.claiming;
    this.release();
    while (this.calls.size > 0) await Promise.all(this.calls);
  }

  private step(): void {
    if (this.stopped) return;
    const toNote = this.chats.takeUnnoted(this.slots.mostNoted - this.reservedNotes, this.slots.sending);
    if (toNote.length > 0) void this.note(toNote);
    this.callNext();
    if (this.mayHaveMore && this.canClaim) this.refill();
  }

  private get canClaim(): boolean {
    if (this.claiming || this.goingBack > 0) return false;
    if (this.isSingly) return this.chats.size === 0 && this.calls.size === 0;
    return this.chats.nearest <= REFILL_AT + this.slots.typingCount;
  }

  private callNext(): void {
    for (;;) {
      const next = this.slots.next(this.chats.listCallable(this.slots.sending));
      if (!next) return;
      this.call(next);
    }
  }

  private async note(messages: readonly ClaimedMessage[]): Promise<void> {
    const mine = await this.parts.note(messages);
    for (const message of messages) {
      if (mine.has(attemptKey(message.id, message.attempt))) this.chats.noted(message);
      else this.lose(message);
    }
    this.step();
  }

  /** Others ended this attempt: its message is in the queue again, before those behind it in its chat. */
  private lose(message: ClaimedMessage): void {
    if (!this.chats.holds(message)) return;
    this.chats.remove(message);
    this.disturbed.add(message.chatId);
    this.releaseChat(message.chatId);
    this.mayHaveMore = true;
  }

  private refill(): void {
    const restMs = this.pausedUntilMs - performance.now();
    if (restMs > 0) {
      this.timer.set(restMs);
      return;
    }
    this.timer.clear();
    this.mayHaveMore = false;
    this.disturbed.clear();
    this.givesBackNext = false;
    this.claiming = this.claim().finally(() => {
      this.claiming = undefined;
      this.reservedNotes = 0;
      this.step();
    });
  }

  private async claim(): Promise<void> {
    try {
      if (this.mayHaveLost) await this.parts.recover();
      this.mayHaveLost = false;
      this.passedOver = new Set(this.chats.listFull());
      this.reservedNotes = Math.max(0, this.slots.mostNoted - this.chats.nearest);
      const claim = await this.parts.claim({
        full: [...this.passedOver],
        busy: this.chats.ids,
        notes: this.reservedNotes,
      });
      if (claim.state === 'busy' || claim.state === 'locked') this.waitForOthers(claim.state);
      else this.waits = 0;
      if (claim.state === 'claimed') this.take(claim);
      else if (claim.state === 'paced') this.waitForPace(claim);
      else if (claim.state === 'paused') this.release();
      else if (claim.state === 'held') this.pause(HELD_PAUSE_MS);
      else if (claim.state === 'idle' && this.passedOver.size > 0) this.pause(PASSED_OVER_PAUSE_MS);
    } catch (error) {
      this.mayHaveLost = true;
      this.parts.claimFailed(error);
      this.rest(FAILED_CLAIM_RETRY_MS);
    }
  }

  private take({
    messages,
    noted,
    more = false,
    singly = false,
  }: Extract<Claim, { state: 'claimed' }>): void {
    this.isSingly = singly;
    for (const message of messages) {
      if (this.givesBackNext || this.disturbed.has(message.chatId)) this.giveBack(message);
      else {
        this.chats.add(message);
        if (noted?.has(attemptKey(message.id, message.attempt))) this.chats.noted(message);
      }
    }
    if (more || messages.length >= CLAIM_SIZE) this.mayHaveMore = true;
  }

  private waitForPace({ waitMs, strangers }: Extract<Claim, { state: 'paced' }>): void {
    const restMs = Math.min(waitMs ?? UNTOLD_REST_MS, LONGEST_REST_MS);
    this.pause(strangers ? Math.min(restMs, STRANGERS_PAUSE_MS) : restMs);
    this.timer.set(strangers ? Math.min(restMs, STRANGERS_REST_MS) : restMs);
  }

  private waitForOthers(state: 'busy' | 'locked'): void {
    this.rest(1 + backoff(this.waits++, OTHERS[state]));
    if (state === 'busy') this.parts.busyElsewhere();
  }

  /** Not the timer alone: the step after this claim would make the next one at once. */
  private rest(waitMs: number): void {
    this.pause(waitMs);
    this.mayHaveMore = true;
    this.timer.set(waitMs);
  }

  private pause(waitMs: number): void {
    this.pausedUntilMs = Math.max(this.pausedUntilMs, performance.now() + waitMs);
  }

  private call(message: ClaimedMessage): void {
    this.slots.begin(message);
    const call = this.send(message).finally(() => {
      this.calls.delete(call);
      this.step();
    });
    this.calls.add(call);
  }

  private async send(message: ClaimedMessage): Promise<void> {
    const isExpired = message.expiresAt !== null && message.expiresAt.getTime() <= Date.now();
    const end: AttemptEnd = isExpired ? { kind: 'released' } : await this.parts.send(message);
    this.slots.end(message);
    this.chats.remove(message);
    this.mayHaveMore ||= this.passedOver.has(message.chatId) && !this.chats.isFull(message.chatId);
    this.write(message, end);
    this.react(message.chatId, end);
  }

  private react(chat: string, end: AttemptEnd): void {
    if (end.kind === 'released' || end.outcome.outcome === 'handed') {
      if (end.kind === 'outcome') this.pauses = 0;
      return;
    }
    const { outcome } = end;
    if (outcome.outcome === 'unknown' || outcome.code === 'transfer_busy') this.releaseChat(chat);
    else if (outcome.retry) {
      this.release();
      this.pause(backoff(this.pauses++, PAUSE));
      this.mayHaveMore = true;
    }
  }

  /** Gives back everything that was claimed and not called. */
  private release(chats: readonly string[] = this.chats.ids): void {
    for (const chat of chats) this.releaseChat(chat);
  }

  private releaseChat(chat: string): void {
    const uncalled = this.chats.removeUncalled(chat, this.slots.sending.has(chat));
    for (const message of uncalled) this.giveBack(message);
  }

  /** It is due again as soon as it is back in the queue. */
  private giveBack(message: ClaimedMessage): void {
    this.mayHaveMore = true;
    this.write(message, { kind: 'released' });
  }

  /** A chat's next message does not wait for this; a lane that stops does. */
  private write({ session, id, attempt, chatId }: ClaimedMessage, end: AttemptEnd): void {
    const isGoingBack = end.kind === 'released' || end.outcome.outcome !== 'handed';
    if (isGoingBack) {
      this.goingBack += 1;
      this.disturbed.add(chatId);
    }
    const written = this.parts
      .write({ tenantId: session.tenantId, sessionId: session.sessionId, messageId: id, attempt, end })
      .finally(() => {
        this.calls.delete(written);
        if (isGoingBack) this.goingBack -= 1;
        this.step();
      });
    this.calls.add(written);
  }
}
