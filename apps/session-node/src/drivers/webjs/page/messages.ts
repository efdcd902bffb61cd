import type { RawKey } from './agent-api.js';
import { formsOf, keyParts, keyTexts, parseWaKey, toWid } from './ids.js';
import { wa, type WaChat, type WaMsg } from './wa.js';

/** Finds a message by key, in memory or in the page's store. */
export async function findMessage(key: RawKey): Promise<WaMsg | undefined> {
  const { Msg } = wa('WAWebCollections');
  const texts = keyTexts(key);
  for (const text of texts) {
    const known = Msg.get(text);
    if (known) return known;
  }
  const stored = await Msg.getMessagesById(texts);
  return stored?.messages?.find((msg) => msg.id?.id === key.id);
}

export async function findByWaKey(text: string): Promise<WaMsg | undefined> {
  const key = parseWaKey(text);
  return key ? findMessage(key) : undefined;
}

/** The chats that stand for an address, under whichever form. */
export function chatsOf(chatId: string): WaChat[] {
  const { Chat } = wa('WAWebCollections');
  const found = formsOf(chatId).map((form) => Chat.get(toWid(form)));
  return [...new Set(found.filter((chat) => chat !== undefined))];
}

/** Finds an own message by the id it was sent with, whatever its participant. */
export async function findSent(waMessageId: string, chatId: string): Promise<WaMsg | undefined> {
  for (const chat of chatsOf(chatId)) {
    const shown = chat.msgs.getModelsArray().findLast((msg) => msg.id?.id === waMessageId && msg.id.fromMe);
    if (shown) return shown;
  }
  const direct = await findMessage({ fromMe: true, remote: chatId, id: waMessageId, participant: null });
  if (direct || !chatId.endsWith('@g.us')) return direct;
  const prefs = wa('WAWebUserPrefsMeUser');
  for (const me of [prefs.getMaybeMePnUser(), prefs.getMaybeMeLidUser()]) {
    const participant = me?.user && me.server ? `${me.user}@${me.server}` : undefined;
    if (participant === undefined) continue;
    const found = await findMessage({ fromMe: true, remote: chatId, id: waMessageId, participant });
    if (found) return found;
  }
  return undefined;
}

/** The message's key in our parts. @throws Error for a message without one */
export function requireKey(msg: WaMsg): RawKey {
  const key = keyParts(msg.id);
  if (!key) throw new Error('a message without a key');
  return key;
}
