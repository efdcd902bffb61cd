import type { RawAck, RawHead, RawItem, RawSwept, RawWish } from './agent-api.js';
import { allChanges } from './changes.js';
import { describeError } from './describe-error.js';
import { groupItems, isGroupChange } from './group-changes.js';
import { idsOf, widText } from './ids.js';
import { inTime } from './in-time.js';
import { ackOf, keylessForm } from './inbox-queue.js';
import { chatsOf, findByWaKey } from './messages.js';
import { isMessage, rawMessage } from './raw-message.js';
import { isTold, markTold } from './told.js';
import { wa, type WaChat, type WaMsg } from './wa.js';

const YOUNG_CIPHERTEXT_SECONDS = 20;
/** One call to the page's own store; a chat that needs longer is left for a later sweep. */
const LOAD_TIMEOUT_MS = 4_000;
/** A time later than now by more than this is none. */
const FUTURE_SLACK_SECONDS = 86_400;
/** Messages, marks and changes brought by one call; a chat with more goes on from where it stopped. */
const MAX_ITEMS = 500;

/** Newest message time of every chat that has messages. */
export function chatHeads(): RawHead[] {
  return wa('WAWebCollections').Chat.getModelsArray().flatMap(headOf);
}

function headOf(chat: WaChat): RawHead[] {
  const text = widText(chat.id);
  const newestSeconds = newestOf(chat);
  if (text === undefined || newestSeconds === 0) return [];
  const { id, lid } = idsOf(text);
  const aliases = [text, lid].filter((form) => form !== null && form !== id) as string[];
  return [{ chatId: id, aliases, newestSeconds }];
}

/** Never later than now: what comes in next must not lie before it. Of a chat that cannot be read: now, so that the sweep tries it and tells. */
function newestOf(chat: WaChat): number {
  const nowSeconds = Math.floor(Date.now() / 1000);
  const latest = nowSeconds + FUTURE_SLACK_SECONDS;
  try {
    const times = [chat.t ?? 0, ...chat.msgs.getModelsArray().map((msg) => msg.t)];
    const newest = times.filter((t) => t <= latest).reduce((later, t) => Math.max(later, t), 0);
    return Math.min(newest, nowSeconds);
  } catch {
    return nowSeconds;
  }
}

/**
 * Reads chats from a time on, up to about {@link MAX_ITEMS} in all; what is left over continues at `resumeSeconds`.
 * A chat that takes longer than the budget is told as incomplete.
 */
export async function sweep(wishes: RawWish[], budgetMs: number): Promise<RawSwept[]> {
  const until = performance.now() + budgetMs;
  const swept: RawSwept[] = [];
  let room = MAX_ITEMS;
  for (const wish of wishes) {
    const chat = await sweepChat(wish, until, room);
    room -= sizeOf(chat);
    swept.push(chat);
  }
  return swept;
}

function sizeOf({ items, keyless }: RawSwept): number {
  return items.length + keyless.length;
}

/** One chat that cannot be read says so in its own result and leaves the others alone. */
async function sweepChat(wish: RawWish, until: number, room: number): Promise<RawSwept> {
  const result: RawSwept = {
    chatId: wish.chatId,
    items: [],
    keyless: [],
    oldestKeylessSeconds: null,
    complete: room > 0,
    resumeSeconds: room > 0 ? null : wish.sinceSeconds,
    endsSeconds: null,
    failure: null,
  };
  if (room <= 0) return result;
  try {
    const found: WaMsg[] = [];
    const ends: (number | null)[] = [];
    for (const chat of chatsOf(wish.chatId)) {
      const end = await loadBackTo(chat, Math.min(wish.sinceSeconds, wish.loadSeconds), until);
      if (end === undefined) result.complete = false;
      else {
        ends.push(end);
        found.push(...wanted(chat, wish));
      }
    }
    result.endsSeconds = endOf(ends);
    const areLoaded = result.complete;
    await collect(found, result, { room, until });
    // What did not load may be older than all that was read.
    if (!areLoaded) result.resumeSeconds = null;
  } catch (error) {
    result.complete = false;
    result.failure = describeError(error, 'reading the chat');
  }
  return result;
}

/** Where the store ends for somebody whose messages may stand in several chats; null while one goes further back. */
function endOf(ends: readonly (number | null)[]): number | null {
  const known = ends.filter((end) => end !== null);
  return known.length > 0 && known.length === ends.length ? Math.min(...known) : null;
}

/**
 * Loads from the page's store until the chat holds everything since then. @returns undefined when time ran out, the
 * oldest message's time when the store ends before, null otherwise (also for a chat without messages)
 */
async function loadBackTo(
  chat: WaChat,
  sinceSeconds: number,
  until: number,
): Promise<number | null | undefined> {
  for (;;) {
    const held = chat.msgs.getModelsArray();
    const oldest = held.reduce((time, msg) => (msg.t < time ? msg.t : time), Infinity);
    if (oldest < sinceSeconds) return null;
    if (performance.now() > until) return undefined;
    const loaded = await inTime(
      wa('WAWebChatLoadMessages').loadEarlierMsgs({ chat }),
      LOAD_TIMEOUT_MS,
      'the chat does not load',
    );
    if (!loaded || loaded.length === 0) return Number.isFinite(oldest) ? oldest : null;
  }
}

/** What a wish asks for, of one chat. */
function wanted(chat: WaChat, { sinceSeconds, again }: RawWish): WaMsg[] {
  const isWanted = (msg: WaMsg): boolean =>
    !(msg.t < sinceSeconds) &&
    (again || !isTold(msg)) &&
    (isMessage(msg) || isGroupChange(msg)) &&
    !isStillDecrypting(msg);
  return chat.msgs.getModelsArray().filter(isWanted);
}

/** Oldest first. Stops at a limit, but never within a second: the next call begins with a whole one. */
async function collect(
  found: WaMsg[],
  result: RawSwept,
  { room, until }: { room: number; until: number },
): Promise<void> {
  found.sort((a, b) => a.t - b.t);
  for (const [index, msg] of found.entries()) {
    const isOver = sizeOf(result) >= room || (index > 0 && performance.now() > until);
    if (isOver && msg.t !== found[index - 1]?.t) {
      result.complete = false;
      result.resumeSeconds = msg.t;
      return;
    }
    const items = await readable(msg);
    if (items) result.items.push(...items);
    else addKeyless(msg, result);
  }
}

/** A message with all that is known of it; undefined for one that cannot be read. */
async function readable(msg: WaMsg): Promise<RawItem[] | undefined> {
  try {
    const message = isGroupChange(msg) ? undefined : rawMessage(msg);
    if (!message && !isGroupChange(msg)) return undefined;
    const items: RawItem[] = message
      ? [{ kind: 'message', message }, ...(await allChanges(msg))]
      : groupItems(msg);
    markTold(msg);
    return items;
  } catch {
    return undefined;
  }
}

function addKeyless(msg: WaMsg, result: RawSwept): void {
  result.keyless.push(keylessForm(msg));
  const seconds = Number.isFinite(msg.t) ? msg.t : 0;
  result.oldestKeylessSeconds = Math.min(result.oldestKeylessSeconds ?? Infinity, seconds);
}

function isStillDecrypting(msg: WaMsg): boolean {
  return msg.type === 'ciphertext' && Date.now() / 1000 - msg.t < YOUNG_CIPHERTEXT_SECONDS;
}

/** Acks of own messages, where the page still has them. */
export async function acksOf(waKeys: string[]): Promise<RawAck[]> {
  const acks: RawAck[] = [];
  for (const text of waKeys) {
    const ack = await ackByKey(text);
    if (ack) acks.push(ack);
  }
  return acks;
}

/** One key that the page's store refuses must not keep the others from being looked up. */
async function ackByKey(text: string): Promise<RawAck | undefined> {
  try {
    const msg = await findByWaKey(text);
    return msg && ackOf(msg);
  } catch {
    return undefined;
  }
}
