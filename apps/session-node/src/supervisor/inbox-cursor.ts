import { z } from 'zod';
import type { WaMessage } from '#contracts';
import { isNotice, type InboxFact } from '../drivers/driver.js';
import { readJsonFile, writeFileAtomically } from './files.js';

const cursorSchema = z.object({
  version: z.literal(1),
  /** Unix seconds; chats without a cursor are read from here on. Nothing before it is reported. */
  baseline: z.int(),
  /** Newest reported second by chat id. */
  chats: z.record(z.string(), z.int()),
  /** Own messages whose ack can still rise, by key. */
  open: z.record(z.string(), z.object({ t: z.int(), ack: z.int() })),
  /** Unix seconds up to which edits, revokes and reactions of all messages were read. */
  changes: z.int().default(0),
  /** Messages to look at again by key: not decrypted yet, or with reactions that may be taken back. */
  watched: z
    .record(z.string(), z.object({ t: z.int(), why: z.enum(['undecryptable', 'reactions']) }))
    .default({}),
});
type CursorFile = z.infer<typeof cursorSchema>;

const FINAL_ACK = 3;
const OPEN_MAX = 2_000;
/** So many are dropped in one go: to find the oldest takes as long as there are any. */
const OPEN_DROPPED = 200;
const OPEN_MAX_AGE_SECONDS = 7 * 86_400;
/** For each reason. */
const WATCHED_MAX = 1_000;
const SAVE_DELAY_MS = 2_000;

/**
 * How far a session's inbox has been reported and taken by the api; lives beside the profile. A chat's cursor moves
 * only when a complete sweep of that chat was taken, never by single live messages, so a gap cannot hide behind a
 * later message, and never past a message that could not be reported.
 */
export class InboxCursor {
  /** Seconds that must not be passed, by chat. */
  private readonly held = new Map<string, number>();
  private areChangesHeld = false;
  private openCount: number;
  private timer: NodeJS.Timeout | undefined;
  private isRetired = false;
  private saving: Promise<void> = Promise.resolve();

  private constructor(
    private readonly path: string,
    private readonly content: CursorFile,
    private readonly onSaveFailed: (error: unknown) => void,
  ) {
    this.openCount = Object.keys(content.open).length;
  }

  /** Reads the cursor; one that is missing or unreadable begins at `baselineSeconds`. */
  static async load(
    path: string,
    baselineSeconds: number,
    onSaveFailed: (error: unknown) => void,
  ): Promise<InboxCursor> {
    const stored = await readJsonFile(path, cursorSchema);
    if (stored) return new InboxCursor(path, stored, onSaveFailed);
    return InboxCursor.create(path, baselineSeconds, onSaveFailed);
  }

  /** Begins at `baselineSeconds`, whatever was there. */
  static async create(
    path: string,
    baselineSeconds: number,
    onSaveFailed: (error: unknown) => void,
  ): Promise<InboxCursor> {
    const fresh: CursorFile = {
      version: 1,
      baseline: baselineSeconds,
      chats: {},
      open: {},
      changes: baselineSeconds,
      watched: {},
    };
    const cursor = new InboxCursor(path, fresh, onSaveFailed);
    await cursor.save();
    return cursor;
  }

  /** From which second a chat has to be read: the earliest known under its ids; without `known` for a new chat. */
  since(chatIds: readonly string[], overlapSeconds: number): { sinceSeconds: number; known?: number } {
    const cursors = chatIds.flatMap((id) => this.content.chats[id] ?? []);
    const { baseline } = this.content;
    if (cursors.length === 0) return { sinceSeconds: baseline };
    const known = Math.min(...cursors);
    return { sinceSeconds: Math.max(baseline, known - overlapSeconds), known };
  }

  /** Nothing before this second is reported. */
  get baselineSeconds(): number {
    return this.content.baseline;
  }

  get changesSeconds(): number {
    return Math.max(this.content.changes, this.content.baseline);
  }

  /**
   * A chat was read completely up to this second, and all of it was taken by the api. `aliases` are its other ids: a
   * cursor that stands under one of them goes along.
   */
  advance(chatId: string, seconds: number, aliases: readonly string[] = []): void {
    const { chats, baseline } = this.content;
    const held = [chatId, ...aliases].map((id) => this.held.get(id) ?? Infinity);
    const upTo = Math.min(seconds, Math.min(...held) - 1);
    if (upTo < baseline) return;
    for (const id of [chatId, ...aliases.filter((alias) => alias in chats)]) {
      if ((chats[id] ?? 0) >= upTo) continue;
      chats[id] = upTo;
      this.saveSoon();
    }
  }

  /** All changes up to this second were read and taken. */
  advanceChanges(seconds: number): void {
    if (this.areChangesHeld || this.content.changes >= seconds) return;
    this.content.changes = seconds;
    this.saveSoon();
  }

  /** A message of this second could not be reported: the chat's cursor stays before it. */
  holdChat(chatId: string, seconds: number): void {
    this.held.set(chatId, Math.min(seconds, this.held.get(chatId) ?? Infinity));
  }

  /** This fact did not get through. */
  hold(fact: InboxFact): void {
    if (fact.kind === 'message.ack' || isNotice(fact)) return;
    if (fact.kind !== 'message.upsert') this.areChangesHeld = true;
    else this.holdChat(fact.message.chat.id, secondsOf(fact.message.timestamp));
  }

  /** A new start tries again what did not get through. */
  releaseHolds(): void {
    this.held.clear();
    this.areChangesHeld = false;
  }

  /** Notes what has to be looked at again: acks that can rise, what may be decrypted, who reacted. */
  follow(fact: InboxFact): void {
    switch (fact.kind) {
      case 'message.upsert':
        return this.followMessage(fact.message);
      case 'message.ack': {
        const open = this.content.open[fact.waKey];
        if (open) this.track(fact.waKey, open.t, fact.ack);
        return;
      }
      case 'message.reactions': {
        const { reactions, target, wholeAt } = fact;
        const latest = reactions.map(({ at }) => secondsOf(at)).reduce((a, b) => Math.max(a, b), 0);
        if (reactions.some(({ emoji }) => emoji !== null)) this.watch(target.waKey, latest, 'reactions');
        else if (wholeAt !== null) this.unwatch(target.waKey, 'reactions');
        return;
      }
      default:
    }
  }

  /** A message was sent: its ack can rise. */
  followSent(waKey: string, timestamp: string, ack: number): void {
    this.track(waKey, secondsOf(timestamp), ack);
  }

  /** Keys of messages that stand here for this reason. */
  watchedKeys(why: 'undecryptable' | 'reactions'): string[] {
    return Object.entries(this.content.watched).flatMap(([key, entry]) => (entry.why === why ? [key] : []));
  }

  /** Keys of own messages whose ack may have risen while nobody looked. */
  openKeys(nowSeconds: number): string[] {
    for (const [key, entry] of Object.entries(this.content.open)) {
      if (nowSeconds - entry.t > OPEN_MAX_AGE_SECONDS) delete this.content.open[key];
    }
    const keys = Object.keys(this.content.open);
    this.openCount = keys.length;
    return keys;
  }

  /** Its login is gone: what still comes in for it is not written any more. */
  retire(): void {
    clearTimeout(this.timer);
    this.isRetired = true;
  }

  /** Writes what is not yet written. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.save();
  }

  private followMessage({ fromMe, ack, waKey, timestamp, content }: WaMessage): void {
    if (fromMe && ack !== null) this.track(waKey, secondsOf(timestamp), ack);
    if (content.type === 'undecryptable') this.watch(waKey, secondsOf(timestamp), 'undecryptable');
    else this.unwatch(waKey, 'undecryptable');
  }

  private track(key: string, seconds: number, ack: number): void {
    const { open } = this.content;
    const wasOpen = key in open;
    const isOpen = ack >= 0 && ack < FINAL_ACK;
    if (!wasOpen && !isOpen) return;
    if (isOpen) open[key] = { t: seconds, ack };
    else delete open[key];
    this.openCount += Number(isOpen) - Number(wasOpen);
    if (this.openCount > OPEN_MAX) this.dropOldestOpen();
    this.saveSoon();
  }

  private dropOldestOpen(): void {
    for (const key of Object.keys(this.content.open).slice(0, OPEN_DROPPED)) {
      delete this.content.open[key];
      this.openCount -= 1;
    }
  }

  private watch(key: string, seconds: number, why: 'undecryptable' | 'reactions'): void {
    const { watched } = this.content;
    // What cannot be read yet is looked at with its reactions anyway.
    if (why === 'reactions' && watched[key]?.why === 'undecryptable') return;
    delete watched[key];
    watched[key] = { t: seconds, why };
    const keys = this.watchedKeys(why);
    if (keys.length > WATCHED_MAX && keys[0] !== undefined) delete watched[keys[0]];
    this.saveSoon();
  }

  private unwatch(key: string, why: 'undecryptable' | 'reactions'): void {
    if (this.content.watched[key]?.why !== why) return;
    delete this.content.watched[key];
    this.saveSoon();
  }

  private saveSoon(): void {
    if (this.isRetired) return;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.save().catch(this.onSaveFailed);
    }, SAVE_DELAY_MS);
  }

  private save(): Promise<void> {
    const write = (): Promise<void> => writeFileAtomically(this.path, JSON.stringify(this.content));
    this.saving = this.saving.then(write, write);
    return this.saving;
  }
}

function secondsOf(time: string): number {
  return Math.floor(Date.parse(time) / 1000);
}
