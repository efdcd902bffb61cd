import { z } from 'zod';
import { idSchema, sessionIdSchema, tenantIdSchema } from './ids.js';

/** Types of the facts a tenant is told; each event is numbered per tenant. A type is added, never renamed. */
export const EVENT_TYPES = [
  'session.state_changed',
  'session.qr',
  'session.linked',
  'session.logged_out',
  'session.paused',
  'session.resumed',
  'message.received',
  'message.sent',
  'message.delivered',
  'message.read',
  'message.failed',
  'message.unknown',
  'message.expired',
  'message.edited',
  'message.revoked',
  'message.reaction',
  'message.undecryptable',
  'message.from_phone',
  'media.ready',
  'media.failed',
  'chat.updated',
  'chat.gap',
  'contact.updated',
  'group.joined',
  'group.left',
  'group.updated',
  'call.received',
  'poll.vote',
  'limit.reached',
  'webhook.disabled',
  'webhook.test',
] as const;
export const eventTypeSchema = z.enum(EVENT_TYPES);
/** Those that are in the event log: a test of a webhook is posted and kept nowhere. */
export const loggedEventTypeSchema = eventTypeSchema.exclude(['webhook.test']);
export type EventType = z.infer<typeof eventTypeSchema>;

export const eventIdSchema = idSchema('evt');

/** An event as a tenant gets it, whichever way: by list, stream or webhook. */
export const eventSchema = z.object({
  id: eventIdSchema.describe('The same however often it is delivered: drop what you know'),
  seq: z.int().positive().describe('Rises by one from event to event of the tenant, without a gap'),
  type: eventTypeSchema,
  apiVersion: z.literal('1'),
  createdAt: z.iso.datetime(),
  tenantId: tenantIdSchema,
  session: z
    .object({ id: sessionIdSchema, name: z.string() })
    .nullable()
    .describe('null: it concerns the tenant as a whole'),
  data: z.record(z.string(), z.unknown()).describe('What happened; its fields depend on the type'),
});
export type EventEnvelope = z.infer<typeof eventSchema>;
