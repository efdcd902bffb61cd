import { z } from 'zod';

/** Kinds a tenant can send in this version. */
export const SENDABLE_TYPES = ['text', 'image', 'video', 'audio', 'voice', 'document'] as const;
export const MEDIA_TYPES = ['image', 'video', 'audio', 'voice', 'document', 'sticker'] as const;
/** Every kind a stored message can have; `unsupported` keeps WhatsApp's own name of the kind. */
export const MESSAGE_TYPES = [
  ...SENDABLE_TYPES,
  'sticker',
  'location',
  'contacts',
  'poll',
  'undecryptable',
  'unsupported',
] as const;
export type MessageType = (typeof MESSAGE_TYPES)[number];
export type MediaType = (typeof MEDIA_TYPES)[number];

/**
 * A message's status climbs `queued → sending → sent → delivered → read → played` and never descends; the others
 * are exits. `unknown`: it may have left, and nobody can tell yet; it is never sent again by itself.
 */
export const MESSAGE_STATUSES = [
  'queued',
  'sending',
  'sent',
  'delivered',
  'read',
  'played',
  'failed',
  'expired',
  'cancelled',
  'unknown',
  'unknown_final',
  'received',
] as const;
export const messageStatusSchema = z.enum(MESSAGE_STATUSES);
export type MessageStatus = z.infer<typeof messageStatusSchema>;

/**
 * Acks as WhatsApp counts them: −1 error, 0 pending, 1 server, 2 device, 3 read, 4 played. WhatsApp Web counts its
 * errors further down; a node tells all of them as −1.
 */
export const ackSchema = z.int().min(-1).max(4);

/** A file that belongs to a message, where its bytes are not part of the content. */
export const mediaDescriptorSchema = z.object({
  mimeType: z.string().max(255),
  filename: z.string().max(255).nullable(),
  /** Bytes. */
  size: z.int().nonnegative().nullable(),
  /** SHA-256 of the bytes, lower-case hex; WhatsApp's own `filehash` for inbound media. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
});
export type MediaDescriptor = z.infer<typeof mediaDescriptorSchema>;

const text = z.object({ type: z.literal('text'), text: z.string().max(65_536) });
const mediaOf = <T extends MediaType>(type: T) =>
  z.object({
    type: z.literal(type),
    caption: z.string().max(65_536).nullable(),
    media: mediaDescriptorSchema,
  });
const location = z.object({
  type: z.literal('location'),
  latitude: z.number(),
  longitude: z.number(),
  name: z.string().nullable(),
});
const contacts = z.object({ type: z.literal('contacts'), vcards: z.array(z.string()) });
const poll = z.object({ type: z.literal('poll'), question: z.string(), choices: z.array(z.string()) });
const undecryptable = z.object({ type: z.literal('undecryptable') });
const unsupported = z.object({ type: z.literal('unsupported'), waType: z.string().max(64) });

/** What a message says, the same for both directions and all channels. */
export const messageContentSchema = z.discriminatedUnion('type', [
  text,
  mediaOf('image'),
  mediaOf('video'),
  mediaOf('audio'),
  mediaOf('voice'),
  mediaOf('document'),
  mediaOf('sticker'),
  location,
  contacts,
  poll,
  undecryptable,
  unsupported,
]);
export type MessageContent = z.infer<typeof messageContentSchema>;
