import type { MediaDescriptor, MediaType, MessageContent } from '#contracts';
import type { RawMedia, RawMessage } from '../page/agent-api.js';
import { TEXT_MAX } from './text.js';

/** WhatsApp Web's kinds of media, by our names. */
const MEDIA_TYPES: Readonly<Record<string, MediaType>> = {
  image: 'image',
  video: 'video',
  audio: 'audio',
  ptt: 'voice',
  document: 'document',
  sticker: 'sticker',
};

export function mediaTypeOf(waType: string): MediaType | undefined {
  return MEDIA_TYPES[waType];
}

export function mediaContent(type: MediaType, raw: RawMessage): MessageContent {
  const caption = raw.caption?.slice(0, TEXT_MAX) ?? null;
  return { type, caption: caption === '' ? null : caption, media: descriptorOf(raw.media) };
}

function descriptorOf(media: RawMedia | null): MediaDescriptor {
  return {
    mimeType: (media?.mimeType || 'application/octet-stream').slice(0, 255),
    filename: media?.filename?.slice(0, 255) ?? null,
    size: media?.size ?? null,
    sha256: sha256Of(media?.filehash ?? null),
  };
}

/** WhatsApp writes a SHA-256 in base64; ours is lower-case hex. Null for what is no SHA-256. */
export function sha256Of(filehash: string | null): string | null {
  if (filehash === null) return null;
  const bytes = Buffer.from(filehash, 'base64');
  return bytes.length === 32 ? bytes.toString('hex') : null;
}
