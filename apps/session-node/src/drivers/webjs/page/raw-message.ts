import type { RawMedia, RawMessage, RawPerson } from './agent-api.js';
import { ackNumber } from './ack-number.js';
import { idsOf, keyParts, toWid, widText } from './ids.js';
import { wa, type WaMsg } from './wa.js';

const MEDIA_KINDS = new Set(['image', 'video', 'audio', 'ptt', 'document', 'sticker']);

/** Kinds that are marks in a chat, not messages. */
const NOT_MESSAGES = new Set([
  'gp2',
  'e2e_notification',
  'notification',
  'notification_template',
  'group_notification',
  'broadcast_notification',
  'protocol',
  'call_log',
  'debug',
]);

export function isMessage(msg: WaMsg): boolean {
  return !NOT_MESSAGES.has(msg.type);
}

/** Name of a chat or person as the page shows it. */
export function personOf(text: string, fallbackName?: string): RawPerson {
  const ids = idsOf(text);
  const { Contact } = wa('WAWebCollections');
  const contact = [text, ids.id, ids.lid].map((form) => form && Contact.get(form)).find(Boolean);
  const name = contact ? (contact.name ?? contact.pushname) : undefined;
  return { ...ids, name: name ?? fallbackName ?? null };
}

export function chatPerson(text: string): RawPerson {
  const chat = wa('WAWebCollections').Chat.get(toWid(text));
  return personOf(text, chat?.name ?? chat?.formattedTitle);
}

/** The parts of a message that we report; undefined when it has no usable key. */
export function rawMessage(msg: WaMsg): RawMessage | undefined {
  const key = keyParts(msg.id);
  const remote = widText(msg.id?.remote);
  if (!key || remote === undefined) return undefined;
  return {
    ...key,
    chat: chatPerson(remote),
    author: authorOf(msg, key.fromMe, remote),
    t: msg.t,
    type: msg.type,
    body: textOf(msg),
    caption: msg.caption ?? null,
    media: mediaOf(msg),
    location: locationOf(msg),
    vcards: vcardsOf(msg),
    poll: pollOf(msg),
    quotedId: msg.quotedStanzaID ?? null,
    ack: ackNumber(msg.ack) ?? null,
  };
}

function authorOf(msg: WaMsg, fromMe: boolean, remote: string): RawPerson {
  if (fromMe) return authorSelf(remote);
  const author = widText(msg.author) ?? widText(msg.id?.participant) ?? widText(msg.from) ?? remote;
  return personOf(author, msg.notifyName);
}

/** The login itself; `fallback` stands for it while the page does not know who that is. */
export function authorSelf(fallback: string): RawPerson {
  const prefs = wa('WAWebUserPrefsMeUser');
  const phoneForm = widText(prefs.getMaybeMePnUser());
  const lid = widText(prefs.getMaybeMeLidUser()) ?? null;
  const name = wa('WAWebConnModel').Conn.pushname ?? null;
  return { id: phoneForm ?? lid ?? fallback, phone: phoneForm?.split('@')[0] ?? null, lid, name };
}

/** For media the body holds a thumbnail, which is nobody's text. */
function textOf(msg: WaMsg): string | null {
  return MEDIA_KINDS.has(msg.type) || typeof msg.body !== 'string' ? null : msg.body;
}

function mediaOf(msg: WaMsg): RawMedia | null {
  if (!MEDIA_KINDS.has(msg.type)) return null;
  return {
    mimeType: msg.mimetype ?? 'application/octet-stream',
    filename: msg.filename ?? null,
    size: typeof msg.size === 'number' ? msg.size : null,
    filehash: msg.filehash ?? null,
  };
}

function locationOf(msg: WaMsg): RawMessage['location'] {
  if (msg.type !== 'location' || typeof msg.lat !== 'number' || typeof msg.lng !== 'number') return null;
  return { latitude: msg.lat, longitude: msg.lng, name: msg.loc ?? null };
}

function vcardsOf(msg: WaMsg): string[] {
  if (msg.type === 'vcard') return typeof msg.body === 'string' ? [msg.body] : [];
  if (msg.type !== 'multi_vcard') return [];
  return (msg.vcardList ?? []).flatMap(({ vcard }) => (typeof vcard === 'string' ? [vcard] : []));
}

function pollOf(msg: WaMsg): RawMessage['poll'] {
  if (msg.type !== 'poll_creation') return null;
  return { question: msg.pollName ?? '', choices: (msg.pollOptions ?? []).map(({ name }) => name ?? '') };
}
