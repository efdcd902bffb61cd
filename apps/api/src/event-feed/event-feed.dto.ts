import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';
import { eventSchema, loggedEventTypeSchema, type EventEnvelope } from '#contracts';
import { sessionReferenceSchema } from '../sessions/index.js';
import { eventTypesSchema, seqSchema } from './event-fields.js';

const WAIT = /^(?:[0-9]|[12][0-9]|30)$/;

export const eventQuerySchema = z
  .strictObject({
    after: seqSchema
      .transform(Number)
      .optional()
      .describe('Only events with a higher `seq`; left out: from the oldest that is kept'),
    cursor: z
      .string()
      .min(1)
      .max(1024)
      .optional()
      .describe('`nextCursor` of the page before, as with any other list; the same as `after`'),
    limit: z.coerce.number().int().min(1).max(500).default(50).describe('How many at most'),
    type: loggedEventTypeSchema.optional().describe('Only events of this type; `types` takes several'),
    types: eventTypesSchema.optional(),
    session: sessionReferenceSchema.optional(),
    wait: z
      .string()
      .regex(WAIT, 'must be a whole number of seconds from 0 to 30')
      .transform(Number)
      .optional()
      .describe('Seconds, at most 30: while there is nothing new the answer is held so long'),
  })
  .refine(({ after, cursor }) => after === undefined || cursor === undefined, {
    path: ['cursor'],
    message: 'must be left out when after is given',
  })
  .refine(({ type, types }) => type === undefined || types === undefined, {
    path: ['types'],
    message: 'must be left out when type is given',
  });
export type EventQuery = z.infer<typeof eventQuerySchema>;
export class EventQueryDto extends createZodDto(eventQuerySchema) {}

export const eventPageSchema = z
  .object({
    data: z.array(eventSchema.meta({ id: 'Event' })).describe('Oldest first'),
    nextCursor: z
      .string()
      .nullable()
      .describe('Send it as `cursor` (or `after`) for what is there already; null when that is all'),
    lastSeq: z.int().describe('You have everything up to this number; send it as `after` next time'),
  })
  .meta({ id: 'EventPage' });
export type EventPage = z.infer<typeof eventPageSchema>;
export class EventPageDto extends createZodDto(eventPageSchema) {}

const EVENT_EXAMPLE: EventEnvelope = {
  id: 'evt_01kb6x2vb8c7j0m4qf5t9wz3ye',
  seq: 42,
  type: 'message.delivered',
  apiVersion: '1',
  createdAt: '2026-01-01T09:40:03.000Z',
  tenantId: 'tnt_01kb6x2vb8c7j0m4qf5t9wz3ye',
  session: { id: 'ses_01kb6x2vb8c7j0m4qf5t9wz3ye', name: 'support' },
  data: {
    messageId: 'msg_01kb6x2vb8c7j0m4qf5t9wz3ye',
    chatId: '4915112345678@c.us',
    status: 'delivered',
    ack: 2,
    error: null,
    waMessageId: '3EB0C431C26A1916E07A',
    sentAt: '2026-01-01T09:40:01.000Z',
    deliveredAt: '2026-01-01T09:40:03.000Z',
    readAt: null,
  },
};
export const EVENT_PAGE_EXAMPLE: EventPage = { data: [EVENT_EXAMPLE], nextCursor: null, lastSeq: 42 };
