import type { SessionAddress } from '#contracts';
import type { Clock } from '#kernel';
import type { Logger } from 'pino';
import type { ChatHead, DriverInbox, InboxFact, SweepWish, SweptChat } from '../drivers/driver.js';
import type { EventSink } from '../protocol/event-sink.js';
import type { InboxCursor } from './inbox-cursor.js';

export interface InboxPumpOptions {
  inbox: DriverInbox;
  cursor: InboxCursor;
  sink: EventSink;
  address: () => SessionAddress;
  clock: Clock;
  log: Logger;
  onFact: (fact: InboxFact) => void;
  onKeyless: (events: string[]) => void;
  sweepIntervalMs: number;
}

const DRAIN_LIMIT = 200;
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 60_000;
/** A chat that could not be read, or holds what we cannot read, is left alone this long. */
const FAILED_CHAT_REST_MS = 60_000;
const HELD_CHAT_REST_MS = 600_000;
const SWEEP_BATCH = 20;
const DIRECTORY_BATCH = 500;
const DIRECTORY_INTERVAL_MS = 600_000;
/** Messages of a chat can arrive a little out of order; this much is read again. */
const OVERLAP_SECONDS = 600;

/**
 * Brings what a connected page has into the sink: at once what the page signals, and every so often all that its
 * own store holds beyond the cursor. It stops reading while the sink is full: the page's store is the truth, and
 * the sweep brings later what was left.
 */
export class InboxPump {
  private readonly stopping = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private retry: NodeJS.Timeout | undefined;
  private wanted = { drain: false, sweep: false };
  private working = false;
  private directorySent = '';
  private directoryDueMs = 0;
  private failures = 0;
  /** Until when chats rest. */
  private readonly resting = new Map<string, number>();

  constructor(private readonly options: InboxPumpOptions) {}

  /** Begins with a full sweep: whatever came in while nobody listened. */
  start(): void {
    this.timer = setInterval(() => this.request('sweep'), this.options.sweepIntervalMs);
    this.request('drain');
    this.request('sweep');
  }

  /** The page has something. */
  poke(): void {
    this.request('drain');
  }

  /** The page may have more than it signalled. */
  sweepSoon(): void {
    this.request('sweep');
  }

  stop(): void {
    clearInterval(this.timer);
    clearTimeout(this.retry);
    this.stopping.abort();
  }

  private request(kind: 'drain' | 'sweep'): void {
    this.wanted[kind] = true;
    if (this.working || this.stopping.signal.aborted) return;
    this.working = true;
    this.work()
      .catch((error: unknown) => this.retryLater(error))
      .finally(() => {
        this.working = false;
      });
  }

  /**
   * A page that is loaded anew, or dead, fails calls; which of the two is for the probes to find out. What was
   * drained and lost on the way still stands in the page's store, so a sweep follows.
   */
  private retryLater(error: unknown): void {
    if (this.stopping.signal.aborted) return;
    const waitMs = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** Math.min(this.failures, 10));
    this.failures += 1;
    this.options.log.warn({ err: error, waitMs }, 'the inbox could not be read; trying again');
    clearTimeout(this.retry);
    this.retry = setTimeout(() => {
      this.request('drain');
      this.request('sweep');
    }, waitMs);
  }

  private async work(): Promise<void> {
    while ((this.wanted.drain || this.wanted.sweep) && !this.stopping.signal.aborted) {
      if (this.wanted.drain) {
        this.wanted.drain = false;
        await this.drain();
      } else {
        this.wanted.sweep = false;
        await this.sweep();
      }
    }
  }

  private async drain(): Promise<void> {
    for (;;) {
      await this.hasRoom();
      if (this.stopping.signal.aborted) return;
      const { facts, keyless, more } = await this.options.inbox.drain(DRAIN_LIMIT);
      this.quarantine(keyless);
      for (const fact of facts) if (this.options.cursor.isNews(fact)) this.report(fact);
      if (!more) return;
    }
  }

  private async sweep(): Promise<void> {
    const { inbox, cursor, clock } = this.options;
    await this.drain();
    const nowSeconds = Math.floor(clock.now().getTime() / 1000);
    const heads = await inbox.chatHeads();
    const wishes = heads
      .filter(({ chatId }) => (this.resting.get(chatId) ?? 0) <= clock.monotonicMs())
      .map((head) => this.wishOf(head, nowSeconds))
      .filter((wish) => wish !== undefined);
    for (let at = 0; at < wishes.length; at += SWEEP_BATCH) {
      if (this.wanted.drain) await this.drainBetween();
      await this.hasRoom();
      if (this.stopping.signal.aborted) return;
      const batch = wishes.slice(at, at + SWEEP_BATCH);
      for (const chat of await inbox.sweep(batch)) this.reportChat(chat, batch);
    }
    await this.sweepAcks(cursor.openKeys(nowSeconds));
    await this.sendDirectory();
    this.failures = 0;
  }

  private async drainBetween(): Promise<void> {
    this.wanted.drain = false;
    await this.drain();
  }

  private wishOf(head: ChatHead, nowSeconds: number): (SweepWish & { newestSeconds: number }) | undefined {
    const { sinceSeconds, known } = this.options.cursor.since(
      [head.chatId, ...head.aliases],
      OVERLAP_SECONDS,
    );
    const isNew = head.newestSeconds > (known ?? sinceSeconds - 1);
    const isRecent = head.newestSeconds >= nowSeconds - OVERLAP_SECONDS;
    if (head.newestSeconds < sinceSeconds || !(isNew || isRecent)) return undefined;
    return { chatId: head.chatId, sinceSeconds, newestSeconds: head.newestSeconds };
  }

  /**
   * Reports a swept chat; its cursor moves when the api has taken everything of it, and never past a message that we
   * could not read: a later version may.
   */
  private reportChat(chat: SweptChat, wishes: readonly { chatId: string; newestSeconds: number }[]): void {
    this.quarantine(chat.keyless);
    const newestSeconds = wishes.find((wish) => wish.chatId === chat.chatId)?.newestSeconds ?? 0;
    const news = chat.facts.filter((fact) => this.options.cursor.isNews(fact));
    for (const fact of news) this.report(fact);
    const { sink, cursor, address } = this.options;
    if (chat.complete) {
      const upTo = readUpTo(chat, newestSeconds);
      if (upTo > 0) sink.whenTaken(address().sessionId, () => cursor.advance(chat.chatId, upTo));
      if (upTo < newestSeconds) this.rest(chat.chatId, HELD_CHAT_REST_MS);
    } else if (chat.failure === null) {
      this.wanted.sweep = true;
    } else {
      this.options.log.error({ failure: chat.failure }, 'a chat could not be read; it is tried again later');
      this.rest(chat.chatId, FAILED_CHAT_REST_MS);
    }
  }

  private rest(chatId: string, forMs: number): void {
    this.resting.set(chatId, this.options.clock.monotonicMs() + forMs);
  }

  private async sweepAcks(keys: string[]): Promise<void> {
    for (let at = 0; at < keys.length; at += DRAIN_LIMIT) {
      await this.hasRoom();
      if (this.stopping.signal.aborted) return;
      const facts = await this.options.inbox.acksOf(keys.slice(at, at + DRAIN_LIMIT));
      for (const fact of facts) if (this.options.cursor.isNews(fact)) this.report(fact);
    }
  }

  private async sendDirectory(): Promise<void> {
    const { inbox, sink, address, clock } = this.options;
    if (clock.monotonicMs() < this.directoryDueMs) return;
    this.directoryDueMs = clock.monotonicMs() + DIRECTORY_INTERVAL_MS;
    const directory = await inbox.directory();
    const form = JSON.stringify(directory);
    if (form === this.directorySent) return;
    this.directorySent = form;
    for (let at = 0; at < directory.chats.length; at += DIRECTORY_BATCH) {
      await this.hasRoom();
      sink.push(address(), { kind: 'chats', chats: directory.chats.slice(at, at + DIRECTORY_BATCH) });
    }
    for (let at = 0; at < directory.contacts.length; at += DIRECTORY_BATCH) {
      await this.hasRoom();
      const contacts = directory.contacts.slice(at, at + DIRECTORY_BATCH);
      sink.push(address(), { kind: 'contacts', contacts });
    }
  }

  private report(fact: InboxFact): void {
    this.options.cursor.trackAck(fact);
    this.options.onFact(fact);
    this.options.sink.push(this.options.address(), fact);
  }

  private quarantine(events: string[]): void {
    if (events.length > 0) this.options.onKeyless(events);
  }

  private hasRoom(): Promise<void> {
    return this.options.sink.room(this.options.address().sessionId, this.stopping.signal);
  }
}

/** Second up to which everything of a completely swept chat was read; 0 when that is not known. */
function readUpTo({ oldestKeylessSeconds }: SweptChat, newestSeconds: number): number {
  return oldestKeylessSeconds === null ? newestSeconds : Math.min(newestSeconds, oldestKeylessSeconds - 1);
}
