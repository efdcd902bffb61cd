import type { RawAck, RawHead, RawMessage, RawPerson, RawSwept } from './agent-api.js';
import { describeError } from './describe-error.js';
import { idsOf, widText } from './ids.js';
import { ackOf, keylessForm } from './inbox-queue.js';
import { chatsOf, findByWaKey } from './messages.js';
import { chatPerson, isMessage, personOf, rawMessage } from './raw-message.js';
import { wa, type WaChat, type WaMsg } from './wa.js';

const YOUNG_CIPHERTEXT_SECONDS = 20;
/** One call to the page's own store; a chat that needs longer is left for a later sweep. */
const LOAD_TIMEOUT_MS = 4_000;
/** A time later than now by more than this is none. */
const FUTURE_SLACK_SECONDS = 86_400;

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

/** Of a chat that cannot be read: now, so that the sweep tries it and tells. */
function newestOf(chat: WaChat): number {
  const nowSeconds = Math.floor(Date.now() / 1000);
  const latest = nowSeconds + FUTURE_SLACK_SECONDS;
  try {
    const times = [chat.t ?? 0, ...chat.msgs.getModelsArray().map((msg) => msg.t)];
    return times.filter((t) => t <= latest).reduce((newest, t) => Math.max(newest, t), 0);
  } catch {
    return nowSeconds;
  }
}

/** Reads chats from a time on. One that takes longer than the budget is told as incomplete and continues later. */
export async function sweep(
  wishes: { chatId: string; sinceSeconds: number }[],
  budgetMs: number,
): Promise<RawSwept[]> {
  const until = performance.now() + budgetMs;
  const swept: RawSwept[] = [];
  for (const { chatId, sinceSeconds } of wishes) swept.push(await sweepChat(chatId, sinceSeconds, until));
  return swept;
}

/** One chat that cannot be read says so in its own result and leaves the others alone. */
async function sweepChat(chatId: string, sinceSeconds: number, until: number): Promise<RawSwept> {
  const result: RawSwept = {
    chatId,
    messages: [],
    keyless: [],
    oldestKeylessSeconds: null,
    complete: true,
    failure: null,
  };
  try {
    for (const chat of chatsOf(chatId)) {
      if (await loadBackTo(chat, sinceSeconds, until)) collect(chat, sinceSeconds, result);
      else result.complete = false;
    }
  } catch (error) {
    result.complete = false;
    result.failure = describeError(error, 'reading the chat');
  }
  result.messages.sort((a, b) => a.t - b.t);
  return result;
}

/** Loads from the page's store until the chat holds everything since then; false when time ran out. */
async function loadBackTo(chat: WaChat, sinceSeconds: number, until: number): Promise<boolean> {
  for (;;) {
    const held = chat.msgs.getModelsArray();
    const oldest = held.reduce((time, msg) => (msg.t < time ? msg.t : time), Infinity);
    if (oldest < sinceSeconds) return true;
    if (performance.now() > until) return false;
    const loaded = await inTime(wa('WAWebChatLoadMessages').loadEarlierMsgs({ chat }));
    if (!loaded || loaded.length === 0) return true;
  }
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('the chat does not load')), LOAD_TIMEOUT_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function collect(chat: WaChat, sinceSeconds: number, result: RawSwept): void {
  for (const msg of chat.msgs.getModelsArray()) {
    if (msg.t < sinceSeconds || !isMessage(msg) || isStillDecrypting(msg)) continue;
    const message = readable(msg);
    if (message) result.messages.push(message);
    else addKeyless(msg, result);
  }
}

function readable(msg: WaMsg): RawMessage | undefined {
  try {
    return rawMessage(msg);
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

const KINDS: Record<string, string> = {
  'c.us': 'person',
  lid: 'person',
  'g.us': 'group',
  broadcast: 'broadcast',
  newsletter: 'newsletter',
};

/** Chats and people the page knows, up to `limit` of each. */
export function directory(limit: number): { chats: (RawPerson & { kind: string })[]; contacts: RawPerson[] } {
  const { Chat, Contact } = wa('WAWebCollections');
  const chats = new Map<string, RawPerson & { kind: string }>();
  for (const chat of Chat.getModelsArray().slice(0, limit)) {
    const kind = KINDS[chat.id.server ?? ''];
    const text = widText(chat.id);
    if (kind === undefined || text === undefined) continue;
    const person = chatPerson(text);
    chats.set(person.id, { ...person, kind });
  }
  const contacts = new Map<string, RawPerson>();
  for (const contact of Contact.getModelsArray().slice(0, limit)) {
    const text = widText(contact.id);
    if (text === undefined || KINDS[contact.id.server ?? ''] !== 'person') continue;
    const person = personOf(text);
    contacts.set(person.id, person);
  }
  return { chats: [...chats.values()], contacts: [...contacts.values()] };
}
