import { createHash } from 'node:crypto';
import { chatKind, type NodeFact } from '#contracts';
import type { Clock } from '#kernel';
import type { Logger } from 'pino';
import type { ChatHead, DriverInbox, SweepWish, SweptChat } from '../drivers/driver.js';
import type { InboxCursor } from './inbox-cursor.js';
import type { InboxReporter } from './inbox-reporter.js';

export interface InboxSweepOptions {
  inbox: DriverInbox;
  cursor: InboxCursor;
  clock: Clock;
  log: Logger;
  /** Lets what the page signalled go first. */
  between: () => Promise<void>;
}

/** A wish with what the node knows of the chat. */
interface OpenWish extends SweepWish {
  head: ChatHead;
  /** Second that was read before; undefined for a new chat. */
  known: number | undefined;
}

const BATCH = 20;
/** Messages of a chat can arrive a little out of order; this much is read again. */
const OVERLAP_SECONDS = 600;
/** At a start chats that were active this lately are loaded, for changes of their older messages: WhatsApp lets people delete for everyone for about two days. */
const LOADED_BACK_SECONDS = 60 * 3_600;
/** Changes are signalled while the page lives; this often they are read all the same. */
const CHANGES_INTERVAL_MS = 600_000;
const DIRECTORY_INTERVAL_MS = 600_000;
const DIRECTORY_BATCH = 500;
const KEYS_BATCH = 50;
const ACKS_BATCH = 200;
/** Messages looked at again in an ordinary sweep because they could not be decrypted. */
const UNDECRYPTED_MAX = 100;
/** A chat that could not be read, or holds what we cannot read, is left alone this long. */
const FAILED_CHAT_REST_MS = 60_000;
const HELD_CHAT_REST_MS = 600_000;

/**
 * Reads a page's own store beyond the cursor, a bounded piece with each call: messages chat by chat, then what
 * changed on older ones, acks that can still rise, and who is who.
 */
export class InboxSweep {
  /** Until when chats rest. */
  private readonly resting = new Map<string, number>();
  /** Reactions that may have been taken back while nobody looked were not all looked at. */
  private owesReactions = false;
  private changesDueMs = 0;
  private directoryDueMs = 0;
  private directorySent = '';

  constructor(
    private readonly options: InboxSweepOptions,
    private readonly reporter: InboxReporter,
  ) {}

  /**
   * @param again also what this driver was told before: at a start, and after anything went wrong on the way
   * @returns false when a chat needs more time and a further sweep goes on with it
   */
  async run(again: boolean): Promise<boolean> {
    const { inbox, cursor, clock } = this.options;
    const nowSeconds = this.nowSeconds();
    if (again) cursor.releaseHolds();
    const wishes = (await inbox.chatHeads())
      .filter(({ chatId }) => again || (this.resting.get(chatId) ?? 0) <= clock.monotonicMs())
      .flatMap((head) => this.wishOf(head, nowSeconds, again) ?? []);
    const isComplete = await this.sweepChats(wishes);
    if (again || clock.monotonicMs() >= this.changesDueMs) await this.sweepChanges(nowSeconds);
    await this.lookAgain(again);
    await this.sweepAcks(cursor.openKeys(nowSeconds));
    await this.sendDirectory();
    return isComplete;
  }

  private async sweepChats(wishes: OpenWish[]): Promise<boolean> {
    let isComplete = true;
    while (wishes.length > 0) {
      await this.options.between();
      await this.reporter.hasRoom();
      if (this.reporter.isStopped) return true;
      const batch = wishes.splice(0, BATCH);
      const swept = await this.options.inbox.sweep(batch.map(({ head: _, known: __, ...wish }) => wish));
      for (const [index, chat] of swept.entries()) {
        const wish = batch[index];
        if (!wish) continue;
        this.reportChat(chat, wish);
        if (chat.resumeSeconds !== null) wishes.push({ ...wish, sinceSeconds: chat.resumeSeconds });
        else if (!chat.complete && chat.failure === null) isComplete = false;
      }
    }
    return isComplete;
  }

  private wishOf(head: ChatHead, nowSeconds: number, again: boolean): OpenWish | undefined {
    const { chatId, aliases, newestSeconds } = head;
    const { sinceSeconds, known } = this.options.cursor.since([chatId, ...aliases], OVERLAP_SECONDS);
    const isNew = newestSeconds > (known ?? sinceSeconds - 1);
    const isRecent = newestSeconds >= nowSeconds - OVERLAP_SECONDS;
    const loadedBack = Math.max(this.options.cursor.baselineSeconds, nowSeconds - LOADED_BACK_SECONDS);
    const isLoadedBack = again && newestSeconds >= loadedBack;
    if (newestSeconds < sinceSeconds || !(isNew || isRecent || isLoadedBack)) return undefined;
    const loadSeconds = isLoadedBack ? Math.min(sinceSeconds, loadedBack) : sinceSeconds;
    return { chatId, sinceSeconds, loadSeconds, again, head, known };
  }

  /**
   * Reports a swept chat; its cursor moves when the api has taken everything of it, and never past a message that we
   * could not read: a later version may.
   */
  private reportChat(chat: SweptChat, wish: OpenWish): void {
    const { cursor, log } = this.options;
    this.reporter.setAside(chat.unreported);
    this.reporter.report(chat.facts);
    if (chat.endsSeconds !== null && wish.known !== undefined && chat.endsSeconds > wish.known) {
      this.reporter.push([gapOf(wish.head, wish.known, chat.endsSeconds)]);
    }
    if (chat.oldestUnreportedSeconds !== null) {
      cursor.holdChat(chat.chatId, chat.oldestUnreportedSeconds);
      this.rest(chat.chatId, HELD_CHAT_REST_MS);
    }
    if (chat.failure !== null) {
      log.error({ failure: chat.failure }, 'a chat could not be read; it is tried again later');
      this.rest(chat.chatId, FAILED_CHAT_REST_MS);
      return;
    }
    const upTo = chat.complete ? wish.head.newestSeconds : (chat.resumeSeconds ?? 0) - 1;
    if (upTo <= 0) return;
    this.reporter.whenTaken(() => cursor.advance(chat.chatId, upTo, wish.head.aliases));
  }

  private rest(chatId: string, forMs: number): void {
    this.resting.set(chatId, this.options.clock.monotonicMs() + forMs);
  }

  private async sweepChanges(nowSeconds: number): Promise<void> {
    const { inbox, cursor, clock } = this.options;
    const since = cursor.changesSeconds - OVERLAP_SECONDS;
    let isWhole = true;
    for (let from: number | null = 0; from !== null;) {
      await this.reporter.hasRoom();
      if (this.reporter.isStopped) return;
      const piece = await inbox.changesSince(since, cursor.baselineSeconds, from);
      this.reporter.setAside(piece.unreported);
      this.reporter.report(piece.facts);
      isWhole &&= piece.isWhole;
      from = piece.next;
    }
    this.changesDueMs = clock.monotonicMs() + CHANGES_INTERVAL_MS;
    if (isWhole) this.reporter.whenTaken(() => cursor.advanceChanges(nowSeconds));
  }

  /** What was swept must not be read anew because single messages cannot be looked at: they are, the next time. */
  private async lookAgain(again: boolean): Promise<void> {
    this.owesReactions ||= again;
    try {
      await this.lookAt(this.watchedKeys());
      if (!this.reporter.isStopped) this.owesReactions = false;
    } catch (error) {
      this.options.log.warn({ err: error }, 'messages could not be looked at again; trying later');
    }
  }

  /** What may have been decrypted meanwhile, and, at a start, reactions that may have been taken back. */
  private watchedKeys(): string[] {
    const { cursor } = this.options;
    const undecrypted = cursor.watchedKeys('undecryptable');
    return this.owesReactions
      ? [...undecrypted, ...cursor.watchedKeys('reactions')]
      : undecrypted.slice(-UNDECRYPTED_MAX);
  }

  private async lookAt(keys: string[]): Promise<void> {
    for (let at = 0; at < keys.length; at += KEYS_BATCH) {
      const batch = keys.slice(at, at + KEYS_BATCH);
      for (let from: number | null = 0; from !== null;) {
        await this.reporter.hasRoom();
        if (this.reporter.isStopped) return;
        const piece = await this.options.inbox.standOf(batch, from);
        this.reporter.setAside(piece.unreported);
        this.reporter.report(piece.facts);
        from = piece.next;
      }
    }
  }

  private async sweepAcks(keys: string[]): Promise<void> {
    for (let at = 0; at < keys.length; at += ACKS_BATCH) {
      await this.reporter.hasRoom();
      if (this.reporter.isStopped) return;
      this.reporter.report(await this.options.inbox.acksOf(keys.slice(at, at + ACKS_BATCH)));
    }
  }

  private async sendDirectory(): Promise<void> {
    const { inbox, clock } = this.options;
    if (clock.monotonicMs() < this.directoryDueMs) return;
    this.directoryDueMs = clock.monotonicMs() + DIRECTORY_INTERVAL_MS;
    const { chats, contacts } = await inbox.directory();
    this.reporter.identify([...chats, ...contacts]);
    const form = createHash('sha256')
      .update(JSON.stringify([chats, contacts]))
      .digest('base64');
    if (form === this.directorySent) return;
    this.directorySent = form;
    const facts: NodeFact[] = [];
    for (let at = 0; at < chats.length; at += DIRECTORY_BATCH) {
      facts.push({ kind: 'chats', chats: chats.slice(at, at + DIRECTORY_BATCH) });
    }
    for (let at = 0; at < contacts.length; at += DIRECTORY_BATCH) {
      facts.push({ kind: 'contacts', contacts: contacts.slice(at, at + DIRECTORY_BATCH) });
    }
    for (const fact of facts) {
      await this.reporter.hasRoom();
      this.reporter.push([fact]);
    }
  }

  private nowSeconds(): number {
    return Math.floor(this.options.clock.now().getTime() / 1000);
  }
}

function gapOf({ chatId, aliases }: ChatHead, fromSeconds: number, toSeconds: number): NodeFact {
  const isPhone = chatId.endsWith('@c.us');
  const chat = {
    id: chatId,
    kind: chatKind(chatId) ?? ('person' as const),
    name: null,
    phone: isPhone ? (chatId.split('@')[0] ?? null) : null,
    lid: [chatId, ...aliases].find((id) => id.endsWith('@lid')) ?? null,
  };
  return { kind: 'gap', chat, from: isoOf(fromSeconds), to: isoOf(toSeconds) };
}

function isoOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
