import { z } from 'zod';
import type { InboxFact } from '../drivers/driver.js';
import { readJsonFile, writeFileAtomically } from './files.js';

const cursorSchema = z.object({
  version: z.literal(1),
  /** Unix seconds; chats without a cursor are read from here on. Nothing before it is reported. */
  baseline: z.int(),
  /** Newest reported second by chat id. */
  chats: z.record(z.string(), z.int()),
  /** Own messages whose ack can still rise, by key. */
  open: z.record(z.string(), z.object({ t: z.int(), ack: z.int() })),
});
type CursorFile = z.infer<typeof cursorSchema>;

const FINAL_ACK = 3;
const OPEN_MAX = 2_000;
const OPEN_MAX_AGE_SECONDS = 7 * 86_400;
/** More than what an overlap of a busy session holds. */
const SEEN_MAX = 50_000;
const SAVE_DELAY_MS = 500;

/**
 * How far a session's inbox has been reported and taken by the api; lives beside the profile. A chat's cursor moves
 * only when a complete sweep of that chat was taken, never by single live messages, so a gap cannot hide behind a
 * later message. What was reported lately is remembered in memory, so that overlaps are not sent again and again.
 */
export class InboxCursor {
  private readonly seen = new Map<string, string>();
  private timer: NodeJS.Timeout | undefined;
  private isRetired = false;
  private saving: Promise<void> = Promise.resolve();

  private constructor(
    private readonly path: string,
    private readonly content: CursorFile,
    private readonly onSaveFailed: (error: unknown) => void,
  ) {}

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
    const fresh: CursorFile = { version: 1, baseline: baselineSeconds, chats: {}, open: {} };
    const cursor = new InboxCursor(path, fresh, onSaveFailed);
    await cursor.save();
    return cursor;
  }

  /** From which second a chat has to be read, known by any of its ids; `known` is false for a new chat. */
  since(chatIds: readonly string[], overlapSeconds: number): { sinceSeconds: number; known?: number } {
    const known = chatIds.map((id) => this.content.chats[id]).find((seconds) => seconds !== undefined);
    const { baseline } = this.content;
    if (known === undefined) return { sinceSeconds: baseline };
    return { sinceSeconds: Math.max(baseline, known - overlapSeconds), known };
  }

  /** A complete sweep of a chat up to this second was taken by the api. */
  advance(chatId: string, seconds: number): void {
    if ((this.content.chats[chatId] ?? 0) >= seconds) return;
    this.content.chats[chatId] = seconds;
    this.saveSoon();
  }

  /** False for a fact that was reported before in this form; notes a new one. */
  isNews(fact: InboxFact): boolean {
    const key = fact.kind === 'message.upsert' ? fact.message.waKey : fact.waKey;
    const known = this.seen.get(key);
    const [type, ack] = known?.split('|') ?? [];
    if (fact.kind === 'message.ack') {
      if (ack !== undefined && Number(ack) >= fact.ack && fact.ack >= 0) return false;
      this.remember(key, `${type ?? ''}|${fact.ack}`);
      return true;
    }
    const { content, ack: now } = fact.message;
    if (known !== undefined && type === content.type && Number(ack) >= (now ?? 0)) return false;
    this.remember(key, `${content.type}|${now ?? 0}`);
    return true;
  }

  /** Follows the ack of an own message until it is final. */
  trackAck(fact: InboxFact): void {
    if (fact.kind === 'message.upsert') {
      const { message } = fact;
      if (!message.fromMe || message.ack === null) return;
      this.track(message.waKey, Date.parse(message.timestamp) / 1000, message.ack);
      return;
    }
    const open = this.content.open[fact.waKey];
    if (open) this.track(fact.waKey, open.t, fact.ack);
  }

  /** Keys of own messages whose ack may have risen while nobody looked. */
  openKeys(nowSeconds: number): string[] {
    for (const [key, entry] of Object.entries(this.content.open)) {
      if (nowSeconds - entry.t > OPEN_MAX_AGE_SECONDS) delete this.content.open[key];
    }
    return Object.keys(this.content.open);
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

  private track(key: string, seconds: number, ack: number): void {
    if (ack < 0 || ack >= FINAL_ACK) delete this.content.open[key];
    else this.content.open[key] = { t: Math.floor(seconds), ack };
    const keys = Object.keys(this.content.open);
    if (keys.length > OPEN_MAX && keys[0] !== undefined) delete this.content.open[keys[0]];
    this.saveSoon();
  }

  private remember(key: string, form: string): void {
    this.seen.delete(key);
    this.seen.set(key, form);
    if (this.seen.size <= SEEN_MAX) return;
    const [oldest] = this.seen.keys();
    if (oldest !== undefined) this.seen.delete(oldest);
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
