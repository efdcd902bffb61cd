import type { PersonaReply } from './personas.js';

export type PhoneMessageType = 'text' | 'image' | 'video' | 'audio' | 'voice' | 'document' | 'poll';

/** A message as a phone sends it. */
export interface PhoneMessage {
  from: string;
  to: string;
  type: PhoneMessageType;
  /** Text, the caption of media, or the question of a poll. */
  body?: string;
  /** Of a poll. */
  choices?: string[];
  media?: { bytes: Buffer; mimetype: string; filename?: string };
  quotedId?: string;
  id?: string;
  /** Under which of the partner's ids it shows; the build's own choice when left out. */
  address?: 'lid' | 'phone';
  /** It cannot be decrypted at first, and can after this many ms. */
  decryptedAfterMs?: number;
}

/** WhatsApp Web's names of the kinds. */
export const WIRE_TYPES: Record<PhoneMessageType, string> = {
  text: 'chat',
  image: 'image',
  video: 'video',
  audio: 'audio',
  voice: 'ptt',
  document: 'document',
  poll: 'poll_creation',
};

/** A persona's answer as a message of its phone, without from and to. */
export function typedReply(reply: PersonaReply) {
  const type = (Object.keys(WIRE_TYPES) as PhoneMessageType[]).find((key) => WIRE_TYPES[key] === reply.type);
  const { body, media, address, decryptedAfterMs } = reply;
  return {
    type: type ?? ('text' as const),
    ...(body && { body }),
    ...(media && { media }),
    ...(address && { address }),
    ...(decryptedAfterMs && { decryptedAfterMs }),
  };
}
