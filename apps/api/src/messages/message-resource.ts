import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';
import {
  ackSchema,
  chatKind,
  MEDIA_TYPES,
  MESSAGE_TYPES,
  messageIdSchema,
  messageStatusSchema,
  sessionIdSchema,
  type MediaDescriptor,
  type MessageContent,
} from '#contracts';
import { pageSchema } from '../http/index.js';
import { mediaContentPath } from '../media/index.js';
import type { StoredMessage, StoredReaction } from './stored-message.js';

/** What an accepted message can fail with, and what it says of it unless `errorDetail` says more. A code is added, never renamed. */
export const MESSAGE_ERRORS = {
  not_on_whatsapp: 'The recipient is not on WhatsApp.',
  session_deleted: 'The session was deleted before the message left.',
  session_logged_out: 'The session was logged out before the message left.',
  recipient_opted_out: 'The recipient asked not to be written to.',
  media_unavailable: 'The file could not be read from the store.',
  quoted_not_found: 'The quoted message is not in the chat.',
  rejected: 'WhatsApp refused the message.',
  expired: 'It could not be sent before it expired.',
  poison: 'WhatsApp Web crashed twice while this message was prepared, so it is not tried again.',
  attempts_exhausted: 'It was tried several times and could not be handed over.',
} as const satisfies Record<string, string>;

const personSchema = z.object({
  id: z.string().nullable().describe('WhatsApp id: `…@c.us`, or `…@lid` where the phone is not known'),
  phone: z.string().nullable().describe('E.164 without +'),
  lid: z.string().nullable(),
  name: z.string().nullable(),
});

const versionSchema = z.object({
  at: z.iso.datetime().describe('Since when it said this'),
  text: z.string().nullable(),
  caption: z.string().nullable(),
});

const reactionSchema = z.object({
  from: personSchema.describe('The session itself when it reacted'),
  emoji: z.string(),
  at: z.iso.datetime(),
});

const messageMediaSchema = z.object({
  id: z.string().nullable().describe('null when the file was deleted'),
  state: z.enum(['pending', 'stored', 'expired', 'failed']),
  mimeType: z.string(),
  filename: z.string().nullable(),
  size: z.int().nullable().describe('Bytes'),
  sha256: z.string().nullable(),
  url: z.string().nullable().describe('Path of its bytes; needs the same API key'),
  error: z.string().nullable().describe('Why it is not stored; while `pending`, of the last attempt'),
});

export const messageSchema = z
  .object({
    id: messageIdSchema,
    session: z.object({ id: sessionIdSchema, name: z.string() }),
    direction: z.enum(['in', 'out']),
    origin: z.enum(['api', 'phone', 'contact']).describe('`phone`: written on the phone of the session'),
    chat: personSchema.extend({ kind: z.enum(['person', 'group', 'broadcast', 'newsletter']).nullable() }),
    from: personSchema.describe('The author; within a group not the chat'),
    to: personSchema.describe(
      'Whom it was sent to: the chat, or the session itself for what came in from a person',
    ),
    type: z.enum(MESSAGE_TYPES),
    text: z.string().nullable(),
    caption: z.string().nullable(),
    media: messageMediaSchema.nullable(),
    content: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe('What types other than text and files hold, such as a location'),
    quoted: z.object({ id: z.string().nullable(), waMessageId: z.string().nullable() }).nullable(),
    status: messageStatusSchema,
    ack: ackSchema
      .nullable()
      .describe("WhatsApp's own count: −1 error, 0 pending, 1 server, 2 device, 3 read, 4 played"),
    error: z
      .object({
        code: z
          .string()
          .meta({ enum: Object.keys(MESSAGE_ERRORS) })
          .describe('For machines; codes are added, never renamed'),
        message: z.string().describe('For people; may change'),
      })
      .nullable()
      .describe('Why it failed or expired; null as long as it did not'),
    waMessageId: z.string().nullable(),
    clientRef: z.string().nullable(),
    metadata: z.record(z.string(), z.unknown()).nullable(),
    attempts: z.int(),
    createdAt: z.iso.datetime(),
    occurredAt: z.iso
      .datetime()
      .describe("WhatsApp's time of the message; the time of the request while it waits"),
    eta: z.iso
      .datetime()
      .nullable()
      .describe(
        'While it is `queued` in a session with pacing: when it leaves, as far as can be said; null where it expires before',
      ),
    expiresFirst: z
      .boolean()
      .describe(
        'It is `queued`, and as things are it will not be sent: by the pacing of its session, or a pause that ends later, its turn comes after `expiresAt`. Its timeline says when it would',
      ),
    expiresAt: z.iso.datetime().nullable().describe('It is not sent after this'),
    sentAt: z.iso.datetime().nullable(),
    deliveredAt: z.iso.datetime().nullable(),
    readAt: z.iso.datetime().nullable(),
    editedAt: z.iso.datetime().nullable().describe('When it got the text that it has; null: never edited'),
    previousVersions: z.array(versionSchema).describe('What it said before it was edited, the oldest first'),
    revokedAt: z.iso
      .datetime()
      .nullable()
      .describe('Deleted for everyone: what it said is gone here too, and its type is `unsupported`'),
    reactions: z.array(reactionSchema).describe('The current one of each person'),
  })
  .meta({ id: 'Message' });

export type MessageResource = z.infer<typeof messageSchema>;
export class MessageDto extends createZodDto(messageSchema) {}
export class MessagePageDto extends createZodDto(pageSchema(messageSchema).meta({ id: 'MessagePage' })) {}

/** A message as the API shows it. */
export function toMessageResource(message: StoredMessage): MessageResource {
  const { content, chatId, own } = message;
  const kind = message.chat.kind ?? chatKind(chatId) ?? null;
  const { name, lid } = message.chat;
  const chat = { id: chatId, phone: message.chat.phone ?? phoneOf(chatId), lid, name };
  return {
    id: message.id,
    session: { id: message.sessionId, name: message.sessionName },
    direction: message.direction,
    origin: message.origin,
    chat: { id: chat.id, phone: chat.phone, lid: chat.lid, name: chat.name, kind },
    from: message.direction === 'out' ? own : message.author,
    to: message.direction === 'in' && kind === 'person' ? own : chat,
    type: content.type,
    text: content.type === 'text' ? content.text : null,
    caption: 'caption' in content ? content.caption : null,
    media: 'media' in content ? mediaOf(message, content.media) : null,
    content: otherContent(content),
    quoted: quotedOf(message),
    status: message.status,
    ack: message.ack,
    error: errorOf(message),
    waMessageId: message.waMessageId,
    clientRef: message.clientRef,
    metadata: message.metadata,
    attempts: message.attempts,
    createdAt: message.createdAt.toISOString(),
    occurredAt: message.occurredAt.toISOString(),
    eta: isoOf(message.eta ?? null),
    expiresFirst: message.expiresFirst ?? false,
    expiresAt: isoOf(message.expiresAt),
    sentAt: isoOf(message.sentAt),
    deliveredAt: isoOf(message.deliveredAt),
    readAt: isoOf(message.readAt),
    editedAt: isoOf(message.editedAt),
    previousVersions: (message.versions ?? []).map(versionOf),
    revokedAt: isoOf(message.revokedAt),
    reactions: (message.reactions ?? []).map((reaction) => reactionOf(message, reaction)),
  };
}

function versionOf({ at, content }: { at: string; content: MessageContent }) {
  return {
    at: new Date(at).toISOString(),
    text: content.type === 'text' ? content.text : null,
    caption: 'caption' in content ? content.caption : null,
  };
}

function reactionOf({ own }: StoredMessage, { sender, lid, name, emoji, at }: StoredReaction) {
  const other = { id: sender, phone: phoneOf(sender), lid: sender.endsWith('@lid') ? sender : lid, name };
  return { from: sender === 'me' ? own : other, emoji, at: new Date(at).toISOString() };
}

/** The row knows more than the message did when it was written; the message outlives the row. */
function mediaOf({ media }: StoredMessage, said: MediaDescriptor): NonNullable<MessageResource['media']> {
  if (!media) return { ...said, id: null, state: 'expired', url: null, error: 'removed' };
  const { id, state, mimeType, filename, size, sha256, error } = media;
  return {
    id,
    state,
    mimeType,
    filename,
    size,
    sha256,
    url: state === 'stored' ? mediaContentPath(id) : null,
    error,
  };
}

function otherContent(content: MessageContent): Record<string, unknown> | null {
  if (content.type === 'text' || (MEDIA_TYPES as readonly string[]).includes(content.type)) return null;
  const { type: _, ...rest } = content;
  return Object.keys(rest).length > 0 ? rest : null;
}

function quotedOf({ quotedMessageId, quotedWaMessageId }: StoredMessage): MessageResource['quoted'] {
  if (quotedMessageId === null && quotedWaMessageId === null) return null;
  return { id: quotedMessageId, waMessageId: quotedWaMessageId };
}

/** Why a message failed or expired, as it is shown in the message and in its events. */
export function errorOf({
  errorCode,
  errorDetail,
}: Pick<StoredMessage, 'errorCode' | 'errorDetail'>): MessageResource['error'] {
  if (errorCode === null) return null;
  return { code: errorCode, message: errorDetail ?? textOf(errorCode) };
}

function textOf(errorCode: string): string {
  return (MESSAGE_ERRORS as Record<string, string>)[errorCode] ?? 'The message was not sent.';
}

function phoneOf(chatId: string): string | null {
  return chatId.endsWith('@c.us') ? chatId.slice(0, -'@c.us'.length) : null;
}

function isoOf(date: Date | null): string | null {
  return date === null ? null : date.toISOString();
}
