import type { RawAck, RawDrained, RawItem } from './agent-api.js';
import { ackNumber } from './ack-number.js';
import { changeItems } from './changes.js';
import { describeError } from './describe-error.js';
import { groupItems, isGroupChange } from './group-changes.js';
import { keyParts, widText } from './ids.js';
import { isMessage, rawMessage } from './raw-message.js';
import { reactionItem } from './reactions.js';
import { markChanged, markTold } from './told.js';
import { page, wa, type WaMsg, type WaReaction } from './wa.js';

/** How long an undecryptable message may still be decrypted before it is reported as such. */
const DECRYPT_WAIT_MS = 15_000;
const RESEND_DELAY_MS = 5_000;
/** A message and its first acks come close together: one signal, one call, for all of them. */
const GATHER_MS = 10;
/** Signals follow each other no faster, and what only changed may wait as long: under load many share a call. */
const SIGNAL_EVERY_MS = 50;
/** An answer to a send that takes longer is not waited for with its message's news. */
const ANSWER_WAIT_MS = 2_000;
/** Models waiting to be drained; beyond it the sweep brings what is dropped here. */
const MAX_QUEUED = 5_000;

/** What of a model is news: the message as a whole, or one thing about it. */
type News = 'message' | 'change' | 'ack';

/** Models that changed since the driver last asked; each once, turned into plain data only when drained. */
const queue = new Map<WaMsg, Set<News>>();
const reactions: WaReaction[] = [];
/** Calls and votes. */
const notices: RawItem[] = [];
/** Ids of sends under way, with their messages once those are there: the answer tells of them. */
const answered = new Map<string, WaMsg | undefined>();
/** Chats of which a message was told, so that the driver knows who they are. */
const knownChats = new Set<string>();
let signalled = false;
let signalTimer: ReturnType<typeof setTimeout> | undefined;
let nextSignalMs = 0;
let lastSignalMs = -Infinity;
let sets = 0;

/** How many sets of our listeners this document has; one is right. */
export function listenerSets(): number {
  return sets;
}

/** Listens to the collection of messages; a second call in the same document changes nothing. */
export function attachInbox(): void {
  if (sets > 0) return;
  const { Msg } = wa('WAWebCollections');
  Msg.on('add', (msg) => {
    if (msg.isNewMsg !== true || !(isMessage(msg) || isGroupChange(msg))) return;
    if (msg.type === 'ciphertext') awaitDecryption(msg);
    else if (!isAnswered(msg)) enqueue(msg, 'message');
  });
  Msg.on('change:type', (msg) => {
    if (isMessage(msg) && msg.type !== 'ciphertext')
      enqueue(msg, msg.type === 'revoked' ? 'change' : 'message');
  });
  Msg.on('change:latestEditSenderTimestampMs change:body change:caption', (msg) => {
    if ((msg.latestEditSenderTimestampMs ?? 0) > 0 && isMessage(msg)) enqueue(msg, 'change');
  });
  Msg.on('change:ack', (msg) => {
    if (msg.id?.fromMe && answered.get(msg.id.id ?? '') !== msg) enqueue(msg, 'ack');
  });
  sets += 1;
}

/** The answer to this send is going to tell of its message: until then that is no news. */
export function awaitAnswer(id: string): void {
  answered.set(id, undefined);
}

/** The answer is being given. `isTold`: it says where the message stands, as it is at this moment. */
export function endAnswer(id: string, isTold: boolean): void {
  const msg = answered.get(id);
  answered.delete(id);
  if (!msg) return;
  if (isTold) markTold(msg);
  else enqueue(msg, 'message');
}

/** One of ours, in a chat that is known, whose send is under way. */
function isAnswered(msg: WaMsg): boolean {
  const { fromMe, id = '', remote } = msg.id ?? {};
  const chat = widText(remote);
  if (!fromMe || !answered.has(id) || chat === undefined || !knownChats.has(chat)) return false;
  answered.set(id, msg);
  setTimeout(() => endAnswer(id, false), ANSWER_WAIT_MS);
  return true;
}

/** Keeps rows of the page's table of reactions until they are drained. */
export function tellReactions(rows: WaReaction[]): void {
  for (const row of rows) if (reactions.length < MAX_QUEUED) reactions.push(row);
  signal(GATHER_MS);
}

/** Keeps calls and votes until they are drained. */
export function tellNotice(item: RawItem): void {
  if (notices.length < MAX_QUEUED) notices.push(item);
  signal(GATHER_MS);
}

/** Up to `limit` models' news; reactions come after the messages that they may be about. */
export function drain(limit: number): RawDrained {
  const drained: RawDrained = { items: [], keyless: [], more: false };
  let models = 0;
  for (const [msg, news] of queue) {
    if (models >= limit) break;
    models += 1;
    queue.delete(msg);
    const items = itemsOf(msg, news);
    if (items) drained.items.push(...items);
    else drained.keyless.push(keylessForm(msg));
  }
  if (queue.size === 0) {
    drained.items.push(...reactions.splice(0, limit).flatMap(readableReaction), ...notices.splice(0, limit));
  }
  drained.more = queue.size > 0 || reactions.length > 0 || notices.length > 0;
  signalled = false;
  return drained;
}

/** What is kept of an event without a key: enough to understand it later; the same text each time. */
export function keylessForm(msg: WaMsg): string {
  try {
    const { type, t, body, caption, ack, notifyName } = msg;
    return JSON.stringify({ type, t, body, caption, ack, notifyName });
  } catch (error) {
    return JSON.stringify({ unreadable: describeError(error, 'reading an event') });
  }
}

export function ackOf(msg: WaMsg): RawAck | undefined {
  const key = keyParts(msg.id);
  const ack = ackNumber(msg.ack);
  return key && ack !== undefined ? { ...key, ack } : undefined;
}

/** A model that cannot be read is told as keyless: it must not take the others with it. */
function itemsOf(msg: WaMsg, news: ReadonlySet<News>): RawItem[] | undefined {
  try {
    if (news.has('message')) return messageItems(msg);
    const ack = news.has('ack') ? ackItem(msg) : undefined;
    if (news.has('ack') && !ack) return undefined;
    const items = [...(ack ? [ack] : []), ...(news.has('change') ? changeItems(msg) : [])];
    markChanged(msg);
    return items;
  } catch {
    return undefined;
  }
}

/** A message and, right behind it, what became of it meanwhile. */
function messageItems(msg: WaMsg): RawItem[] | undefined {
  if (isGroupChange(msg)) {
    markTold(msg);
    return groupItems(msg);
  }
  const message = rawMessage(msg);
  if (!message) return undefined;
  const chat = widText(msg.id?.remote);
  if (chat !== undefined && knownChats.size < MAX_QUEUED) knownChats.add(chat);
  const items: RawItem[] = [{ kind: 'message', message }, ...changeItems(msg)];
  // Its reactions are read by the sweep.
  if (msg.hasReaction !== true) markTold(msg);
  return items;
}

/** A row that cannot be read is left to the sweep, which reads all reactions of a message. */
function readableReaction(row: WaReaction): RawItem[] {
  try {
    const item = reactionItem(row);
    return item ? [item] : [];
  } catch {
    return [];
  }
}

function ackItem(msg: WaMsg): RawItem | undefined {
  const ack = ackOf(msg);
  return ack && { kind: 'ack', ack };
}

function enqueue(msg: WaMsg, news: News): void {
  const known = queue.get(msg);
  if (known) {
    known.add(news);
    return;
  }
  // A whole message that finds no room is found by the sweep; so is what changed.
  if (queue.size >= MAX_QUEUED) return;
  queue.set(msg, new Set([news]));
  signal(news === 'message' ? GATHER_MS : SIGNAL_EVERY_MS);
}

/** Once for all that comes until the driver asks; at the earliest moment that something of it may have. */
function signal(waitMs: number): void {
  const now = performance.now();
  const atMs = Math.max(now + waitMs, lastSignalMs + SIGNAL_EVERY_MS);
  if (signalled && (signalTimer === undefined || nextSignalMs <= atMs)) return;
  clearTimeout(signalTimer);
  signalled = true;
  nextSignalMs = atMs;
  signalTimer = setTimeout(() => {
    signalTimer = undefined;
    lastSignalMs = performance.now();
    page.wagateSignal?.();
  }, atMs - now);
}

function awaitDecryption(msg: WaMsg): void {
  setTimeout(() => {
    if (msg.type === 'ciphertext') enqueue(msg, 'message');
  }, DECRYPT_WAIT_MS);
  if (!msg.subtype?.endsWith('_unavailable_fanout')) askAgain(msg);
}

const undecrypted = new Set<WaMsg>();

/** Asks the phone for messages that could not be decrypted, as the library does, several at a time. */
function askAgain(msg: WaMsg): void {
  undecrypted.add(msg);
  if (undecrypted.size > 1) return;
  setTimeout(() => {
    const messages = [...undecrypted].filter(({ type }) => type === 'ciphertext');
    undecrypted.clear();
    if (messages.length === 0) return;
    wa('WAWebSyncGatingUtils').isPlaceholderMessageResendEnabled = () => true;
    wa('WAWebNonMessageDataRequestPlaceholderMessageResendUtils').handlePlaceholderMsgsSeen(messages, true);
  }, RESEND_DELAY_MS);
}
