import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';
import { chatIdSchema, sessionIdSchema, waChatSchema } from '#contracts';
import { pageQuerySchema, pageSchema, plainText } from '../http/index.js';
import { sessionReferenceSchema } from '../sessions/index.js';

export const CHAT_KINDS = waChatSchema.shape.kind;

const chatSchema = z
  .object({
    id: chatIdSchema,
    sessionId: sessionIdSchema,
    waId: z.string().describe('WhatsApp’s chat id; the phone form where it is known'),
    kind: CHAT_KINDS,
    name: z.string().nullable(),
    phone: z.string().nullable().describe('E.164 without +; null for a group'),
    lid: z.string().nullable(),
    lastMessageId: z.string().nullable(),
    lastMessageAt: z.iso.datetime().nullable(),
    gaps: z
      .array(z.object({ from: z.iso.datetime(), to: z.iso.datetime() }))
      .describe('Times of which the phone may have messages that no linked device has'),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Chat' });
export type ChatView = z.infer<typeof chatSchema>;
export class ChatDto extends createZodDto(chatSchema) {}
export class ChatPageDto extends createZodDto(pageSchema(chatSchema).meta({ id: 'ChatPage' })) {}

const CHAT_REFERENCE = 'Id of a chat, phone number, or WhatsApp’s chat id, for a person in either form';

export class ListChatsQuery extends createZodDto(
  pageQuerySchema.extend({
    session: sessionReferenceSchema.optional().describe('Id or name of a session; left out: all of them'),
    kind: CHAT_KINDS.optional().describe('Only chats of this kind'),
    search: plainText(100)
      .min(1)
      .optional()
      .describe('Part of the name, or the beginning of the phone number'),
  }),
) {}

export class ChatParams extends createZodDto(
  z.strictObject({ id: z.string().min(1).max(100).describe(CHAT_REFERENCE) }),
) {}

export class ChatQuery extends createZodDto(
  z.strictObject({
    session: sessionReferenceSchema
      .optional()
      .describe('Id or name of a session, where several have a chat with the same person'),
  }),
) {}
