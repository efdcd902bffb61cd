import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';
import { MESSAGE_TYPES, messageStatusSchema } from '#contracts';
import { pageQuerySchema } from '../http/index.js';
import { pausedSchema, sessionReferenceSchema } from '../sessions/index.js';
import type { MessageResource } from './message-resource.js';

const moment = z.iso.datetime({ offset: true }).transform((text) => new Date(text));

const letters = (text: string) => text.match(/[\p{L}\p{N}]|\p{Extended_Pictographic}/gu)?.length ?? 0;

export const messageListQuerySchema = pageQuerySchema.extend({
  session: sessionReferenceSchema.optional(),
  chat: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe('Id of a chat, phone number, or WhatsApp’s chat id, for a person in either form'),
  author: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe(
      'Only what came in from this person, in groups too: phone number, or WhatsApp’s id in either form',
    ),
  direction: z.enum(['in', 'out']).optional().describe('Received or sent'),
  status: messageStatusSchema.optional().describe('Only messages in this status'),
  type: z.enum(MESSAGE_TYPES).optional().describe('Only messages of this type'),
  search: z
    .string()
    .max(200)
    .refine((text) => letters(text) >= 2, 'must hold at least 2 letters or digits')
    .optional()
    .describe(
      'Only messages with all of these words, or words that begin so, in text, caption, file name, poll or place; in any script, without regard to case. A new message can be found after some seconds',
    ),
  from: moment.optional().describe('`occurredAt` at or after this'),
  to: moment.optional().describe('`occurredAt` before this'),
});
export class MessageListQuery extends createZodDto(messageListQuerySchema) {}

export class ChatMessagesQuery extends createZodDto(messageListQuerySchema.omit({ chat: true })) {}

export class MessageParams extends createZodDto(
  z.strictObject({ id: z.string().min(1).max(100).describe('Id of a message') }),
) {}

export const dryRunSchema = z
  .object({
    dryRun: z.literal(true),
    session: z.object({ id: z.string(), name: z.string(), state: z.string(), paused: pausedSchema }),
    to: z.object({ id: z.string(), kind: z.string(), phone: z.string().nullable() }),
    onWhatsApp: z
      .boolean()
      .nullable()
      .describe('null: not a phone number, or WhatsApp could not be asked now'),
    quota: z
      .object({ tenantRemaining: z.int().min(0).nullable(), sessionRemaining: z.int().min(0).nullable() })
      .describe(
        'Messages that the daily limits still let in; 0: a message would be refused until 00:00 UTC; null: no limit',
      ),
    queued: z.int().describe('Messages of the session that wait to be sent'),
    eta: z.iso
      .datetime()
      .nullable()
      .describe(
        'When it would leave by the pacing of the session; null: there is none, nobody can tell, or it would expire before',
      ),
    expiresFirst: z
      .boolean()
      .describe(
        'As things are it would not be sent: by the pacing of the session, or a pause that ends later, its turn comes after its `expiresAt`',
      ),
  })
  .meta({ id: 'DryRun' });
export type DryRun = z.infer<typeof dryRunSchema>;
export class DryRunDto extends createZodDto(dryRunSchema) {}

export const MESSAGE_EXAMPLE: MessageResource = {
  id: 'msg_01kb6x2vb8c7j0m4qf5t9wz3ye',
  session: { id: 'ses_01kb6x2vb8c7j0m4qf5t9wz3ye', name: 'support' },
  direction: 'out',
  origin: 'api',
  chat: { id: '4915112345678@c.us', kind: 'person', phone: '4915112345678', lid: null, name: 'Alex Example' },
  from: { id: '4915187654321@c.us', phone: '4915187654321', lid: null, name: 'Example Ltd' },
  to: { id: '4915112345678@c.us', phone: '4915112345678', lid: null, name: 'Alex Example' },
  type: 'text',
  text: 'Your order has left our warehouse.',
  caption: null,
  media: null,
  content: null,
  quoted: null,
  status: 'queued',
  ack: null,
  error: null,
  waMessageId: null,
  clientRef: 'order-4711',
  metadata: null,
  attempts: 0,
  createdAt: '2026-01-01T09:40:00.000Z',
  occurredAt: '2026-01-01T09:40:00.000Z',
  eta: null,
  expiresFirst: false,
  expiresAt: '2026-01-02T09:40:00.000Z',
  sentAt: null,
  deliveredAt: null,
  readAt: null,
  editedAt: null,
  previousVersions: [],
  revokedAt: null,
  reactions: [],
};
