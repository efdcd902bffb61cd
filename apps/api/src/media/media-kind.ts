import type { ApiConfig } from '../config.js';

/** Kinds of files as WhatsApp treats them; anything can be sent as a document. */
export const MEDIA_KINDS = ['image', 'video', 'audio', 'document'] as const;
export type MediaKind = (typeof MEDIA_KINDS)[number];

export type MediaLimits = Pick<
  ApiConfig,
  'MEDIA_MAX_IMAGE_BYTES' | 'MEDIA_MAX_VIDEO_BYTES' | 'MEDIA_MAX_AUDIO_BYTES' | 'MEDIA_MAX_DOCUMENT_BYTES'
>;

/** What a file of a media type is sent as when nobody says otherwise. */
export function kindOfMimeType(mimeType: string): MediaKind {
  const [family] = mimeType.split('/');
  return family === 'image' || family === 'video' || family === 'audio' ? family : 'document';
}

/** Largest file of a kind, in bytes. */
export function largestOf(kind: MediaKind, limits: MediaLimits): number {
  switch (kind) {
    case 'image':
      return limits.MEDIA_MAX_IMAGE_BYTES;
    case 'video':
      return limits.MEDIA_MAX_VIDEO_BYTES;
    case 'audio':
      return limits.MEDIA_MAX_AUDIO_BYTES;
    case 'document':
      return limits.MEDIA_MAX_DOCUMENT_BYTES;
  }
}

/** Largest file of any kind, in bytes. */
export function largestOfAll(limits: MediaLimits): number {
  return Math.max(...MEDIA_KINDS.map((kind) => largestOf(kind, limits)));
}
