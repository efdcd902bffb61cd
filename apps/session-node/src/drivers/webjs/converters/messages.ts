import { WA_NAME_MAX, waKey, type MessageContent, type WaChat, type WaPerson } from '#contracts';
import type { InboxFact } from '../../driver.js';
import type { RawAck, RawMessage, RawPerson } from '../page/agent-api.js';
import { contactsContent } from './contacts.js';
import { locationContent } from './location.js';
import { mediaContent, mediaTypeOf } from './media.js';
import { pollContent } from './poll.js';
import { textContent } from './text.js';

type MessageFact = Extract<InboxFact, { kind: 'message.upsert' }>;
type AckFact = Extract<InboxFact, { kind: 'message.ack' }>;

/** What a message says, in our words; kinds we do not know keep WhatsApp's name. */
export function contentOf(raw: RawMessage): MessageContent {
  const mediaType = mediaTypeOf(raw.type);
  if (mediaType) return mediaContent(mediaType, raw);
  const unsupported: MessageContent = { type: 'unsupported', waType: raw.type.slice(0, 64) };
  switch (raw.type) {
    case 'chat':
      return textContent(raw);
    case 'location':
      return locationContent(raw) ?? unsupported;
    case 'vcard':
    case 'multi_vcard':
      return contactsContent(raw);
    case 'poll_creation':
      return pollContent(raw) ?? unsupported;
    case 'ciphertext':
      return { type: 'undecryptable' };
    default:
      return unsupported;
  }
}

/** The fact of a message that stands in the page. @throws RangeError for a time that is none */
export function messageFact(raw: RawMessage, origin: 'live' | 'sweep'): MessageFact {
  return {
    kind: 'message.upsert',
    message: {
      waKey: waKey(raw),
      waMessageId: raw.id,
      fromMe: raw.fromMe,
      chat: { ...personOf(raw.chat), kind: chatKindOf(raw.remote) },
      author: personOf(raw.author),
      timestamp: isoOf(raw.t),
      content: contentOf(raw),
      quotedWaMessageId: raw.quotedId,
      ack: raw.fromMe ? raw.ack : null,
      origin,
    },
  };
}

export function ackFact(raw: RawAck, at: Date): AckFact {
  return {
    kind: 'message.ack',
    waKey: waKey(raw),
    waMessageId: raw.id,
    chatId: raw.remote,
    ack: raw.ack,
    at: at.toISOString(),
  };
}

export function personOf({ id, phone, lid, name }: RawPerson): WaPerson {
  return { id, phone, lid, name: name && name.slice(0, WA_NAME_MAX) };
}

export function chatOf(raw: RawPerson): WaChat {
  return { ...personOf(raw), kind: chatKindOf(raw.id) };
}

export function chatKindOf(chatId: string): WaChat['kind'] {
  if (chatId.endsWith('@g.us')) return 'group';
  if (chatId.endsWith('@broadcast')) return 'broadcast';
  return chatId.endsWith('@newsletter') ? 'newsletter' : 'person';
}

/** Unix seconds as ISO 8601. */
export function isoOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
