/**
 * WhatsApp's own ids. A message key is built from its parts, never read from `_serialized`, which current
 * WhatsApp Web builds name otherwise.
 */
export interface WaKeyParts {
  fromMe: boolean;
  /** Chat: `…@c.us`, `…@g.us`, `…@lid`. */
  remote: string;
  /** The bare id, e.g. `3EB0…`. */
  id: string;
  /** Author within a group. */
  participant?: string | null;
}

/** The key under which a message of a session is unique: `fromMe_remote_id[_participant]`. */
export function waKey(parts: WaKeyParts): string {
  const head = `${String(parts.fromMe)}_${parts.remote}_${parts.id}`;
  return parts.participant ? `${head}_${parts.participant}` : head;
}

/** `+49 151…`, `49151…@s.whatsapp.net` and the like become `49151…@c.us`; other chat ids stay. */
export function canonicalChatId(chatId: string): string {
  return chatId.endsWith('@s.whatsapp.net') ? `${chatId.slice(0, -'@s.whatsapp.net'.length)}@c.us` : chatId;
}

export type ChatKind = 'person' | 'group' | 'broadcast' | 'newsletter';

/** What kind of chat a chat id names; undefined for a string that is no chat id. */
export function chatKind(chatId: string): ChatKind | undefined {
  if (/^\d{5,20}(:\d+)?@(c\.us|s\.whatsapp\.net|lid)$/.test(chatId)) return 'person';
  if (/^[\d-]{5,64}@g\.us$/.test(chatId)) return 'group';
  if (/^(status|\d{1,32})@broadcast$/.test(chatId)) return 'broadcast';
  if (/^\d{5,32}@newsletter$/.test(chatId)) return 'newsletter';
  return undefined;
}
