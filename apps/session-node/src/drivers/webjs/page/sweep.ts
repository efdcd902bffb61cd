import type { RawAck, RawHead, RawPerson, RawSwept } from './agent-api.js';
import { idsOf, widText } from './ids.js';
import { ackOf, keylessForm } from './inbox-queue.js';
import { chatsOf, findByWaKey } from './messages.js';
import { chatPerson, isMessage, personOf, rawMessage } from './raw-message.js';
import { wa, type WaChat, type WaMsg } from './wa.js';

const YOUNG_CIPHERTEXT_SECONDS = 20;

/** Newest message time of every chat that has messages. */
export function chatHeads(): RawHead[] {
  return wa('WAWebCollections')
    .Chat.getModelsArray()
    .flatMap((chat) => {
      const text = widText(chat.id);
      const newestSeconds = newestOf(chat);
      if (text === undefined || newestSeconds === 0) return [];
      const { id, lid } = idsOf(text);
      return [
        { chatId: id, aliases: [text, lid].filter((form) => form !== null && form !== id), newestSeconds },
      ];
    }) as RawHead[];
}

function newestOf(chat: WaChat): number {
  const held = chat.msgs.getModelsArray().reduce((newest, msg) => Math.max(newest, msg.t), 0);
  return Math.max(chat.t ?? 0, held);
}

/** Reads chats from a time on. One that takes longer than the budget is told as incomplete and continues later. */
export async function sweep(
  wishes: { chatId: string; sinceSeconds: number }[],
  budgetMs: number,
): Promise<RawSwept[]> {
  const until = performance.now() + budgetMs;
  const swept: RawSwept[] = [];
  for (const { chatId, sinceSeconds } of wishes) {
    const result: RawSwept = { chatId, messages: [], keyless: [], complete: true };
    for (const chat of chatsOf(chatId)) {
      if (await loadBackTo(chat, sinceSeconds, until)) collect(chat, sinceSeconds, result);
      else result.complete = false;
    }
    result.messages.sort((a, b) => a.t - b.t);
    swept.push(result);
  }
  return swept;
}

/** Loads from the page's store until the chat holds everything since then; false when time ran out. */
async function loadBackTo(chat: WaChat, sinceSeconds: number, until: number): Promise<boolean> {
  for (;;) {
    const held = chat.msgs.getModelsArray();
    const oldest = held.reduce((time, msg) => Math.min(time, msg.t), Infinity);
    if (oldest < sinceSeconds) return true;
    if (performance.now() > until) return false;
    const loaded = await wa('WAWebChatLoadMessages').loadEarlierMsgs({ chat });
    if (!loaded || loaded.length === 0) return true;
  }
}

function collect(chat: WaChat, sinceSeconds: number, result: RawSwept): void {
  for (const msg of chat.msgs.getModelsArray()) {
    if (msg.t < sinceSeconds || !isMessage(msg) || isStillDecrypting(msg)) continue;
    const message = rawMessage(msg);
    if (message) result.messages.push(message);
    else result.keyless.push(keylessForm(msg));
  }
}

function isStillDecrypting(msg: WaMsg): boolean {
  return msg.type === 'ciphertext' && Date.now() / 1000 - msg.t < YOUNG_CIPHERTEXT_SECONDS;
}

/** Acks of own messages, where the page still has them. */
export async function acksOf(waKeys: string[]): Promise<RawAck[]> {
  const acks: RawAck[] = [];
  for (const text of waKeys) {
    const msg = await findByWaKey(text);
    const ack = msg && ackOf(msg);
    if (ack) acks.push(ack);
  }
  return acks;
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
