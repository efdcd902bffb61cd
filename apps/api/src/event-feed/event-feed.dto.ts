import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';
import { eventSchema, loggedEventTypeSchema, type EventEnvelope } from '#contracts';
import { sessionReferenceSchema } from '../sessions/index.js';

const count = (pattern: RegExp, rule: string) => z.string().regex(pattern, rule).transform(Number);

export const eventQuerySchema = z.strictObject({
  after: count(/^\d{1,15}$/, 'must be the seq of an event, or 0')
    .optional()
    .describe('Only events with a higher `seq`; left out: from the oldest that is kept'),
  limit: z.coerce.number().int().min(1).max(500).default(50).describe('How many at most'),
  type: loggedEventTypeSchema.optional().describe('Only events of this type'),
  session: sessionReferenceSchema.optional(),
  wait: count(/^(?:[0-9]|[12][0-9]|30)$/, 'must be a whole number of seconds from 0 to 30')
    .optional()
    .describe('Seconds, at most 30: while there is nothing new the answer is held so long'),
});
export type EventQuery = z.infer<typeof eventQuerySchema>;
export class EventQueryDto extends createZodDto(eventQuerySchema) {}

export const eventPageSchema = z
  .object({
    data: z.array(eventSchema.meta({ id: 'Event' })).describe('Oldest first'),
    nextCursor: z
      .string()
      .nullable()
      .describe('Send it as `after` for what is there already; null when that is all'),
    lastSeq: z
      .int()
      .describe('Up to here nothing is left that this request would get: the `after` of the next look'),
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
