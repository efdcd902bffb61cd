import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';
import {
  deliveryIdSchema,
  eventIdSchema,
  eventTypeSchema,
  messageIdSchema,
  messageStatusSchema,
  webhookIdSchema,
} from '#contracts';
import { DIAGNOSIS_CODES } from './diagnosis-facts.js';

/** Steps of a message; the ones of its status carry the status' name. */
export const STEP_KINDS = [
  'accepted',
  'received',
  'claimed',
  'called',
  'attempt_ended',
  'sent',
  'delivered',
  'read',
  'played',
  'failed',
  'expired',
  'cancelled',
  'unknown',
  'unknown_final',
  'edited',
  'revoked',
  'media_announced',
  'media_stored',
] as const;

const stepSchema = z.object({
  at: z.iso.datetime(),
  kind: z.enum(STEP_KINDS),
  summary: z.string(),
  detail: z
    .record(z.string(), z.unknown())
    .describe(
      '`attempt` is counted as `attempts` of the message: an attempt that never reached a page counts in neither. `provenAt`, of an attempt whose answer was lost: when WhatsApp acknowledged the message, so that it did leave',
    ),
});
export type TimelineStep = z.infer<typeof stepSchema>;

const webhookDeliverySchema = z.object({
  webhookId: webhookIdSchema,
  host: z.string().describe('Of the URL of the webhook'),
  deliveryId: deliveryIdSchema.nullable().describe('null: no attempt has ended yet'),
  eventId: eventIdSchema,
  eventType: eventTypeSchema,
  cause: z.enum(['event', 'replay', 'redelivery']),
  state: z
    .enum(['waiting', 'pending', 'delivered', 'failed'])
    .describe(
      '`waiting`: no attempt has ended yet; `pending`: it is tried again; `failed`: given up after the last attempt',
    ),
  attempts: z.int(),
  status: z.int().nullable().describe('HTTP status of the last attempt; null when there was no answer'),
  error: z
    .enum(['forbidden', 'timeout', 'unreachable', 'tls', 'broken_answer', 'secret_unreadable'])
    .nullable()
    .describe('Why the last attempt had no answer'),
  summary: z.string().describe('How the delivery stands, in plain words'),
  nextAttemptAt: z.iso
    .datetime()
    .nullable()
    .describe('null: it has ended, it is about to be tried first, or the webhook is switched off'),
  endedAt: z.iso.datetime().nullable().describe('When it was delivered, or given up'),
});
export type TimelineDelivery = z.infer<typeof webhookDeliverySchema>;

export const timelineSchema = z
  .object({
    messageId: messageIdSchema,
    status: messageStatusSchema,
    diagnosis: z.object({
      code: z.enum(DIAGNOSIS_CODES),
      summary: z.string().describe('How the message stands, in plain words'),
      advice: z.string().describe('What can be done about it'),
    }),
    durations: z
      .object({
        queuedMs: z.int().nullable().describe('From the acceptance to the first attempt, or until now'),
        handOverMs: z.int().nullable().describe('From there to the end of the attempt that handed it over'),
        acknowledgementMs: z
          .int()
          .nullable()
          .describe("From there to the acknowledgement of WhatsApp's server"),
      })
      .describe('null: not yet, or not a message that this API sent'),
    pacing: z
      .object({
        eta: z.iso.datetime().nullable().describe('null: nobody can tell, or never as things are'),
        expiresFirst: z
          .boolean()
          .describe('As things are it expires before its turn comes; the diagnosis says when that would be'),
      })
      .nullable()
      .describe('null: it does not wait, or its session has no pacing'),
    queue: z
      .object({ ahead: z.int().describe('Messages that leave before it; not counted beyond 1,000') })
      .nullable()
      .describe('null: it does not wait'),
    media: z
      .object({
        state: z.enum(['pending', 'stored', 'expired', 'failed']),
        error: z.string().nullable(),
        attempts: z.int(),
        nextAttemptAt: z.iso.datetime().nullable(),
        storedAt: z.iso.datetime().nullable(),
      })
      .nullable(),
    steps: z.array(stepSchema).describe('Oldest first'),
    events: z
      .array(
        z.object({
          id: eventIdSchema,
          seq: z.int().nullable().describe('null: being numbered'),
          type: eventTypeSchema,
          createdAt: z.iso.datetime(),
        }),
      )
      .describe('What was told of it, oldest first, for as long as events are kept'),
    webhooks: z
      .object({
        deliveries: z
          .array(webhookDeliverySchema)
          .describe('What is not delivered yet comes first, then the newest; 100 at most'),
        truncated: z
          .boolean()
          .describe('There are more, or more than 100 events, of which the newest were looked at'),
      })
      .nullable()
      .describe(
        'What became of these events at your webhooks, for as long as the log of deliveries is kept; null: the key has no scope `webhooks:manage`',
      ),
  })
  .meta({ id: 'MessageTimeline' });
export type MessageTimeline = z.infer<typeof timelineSchema>;
export class MessageTimelineDto extends createZodDto(timelineSchema) {}

export const TIMELINE_EXAMPLE: MessageTimeline = {
  messageId: 'msg_01kb6x2vb8c7j0m4qf5t9wz3ye',
  status: 'queued',
  diagnosis: {
    code: 'session_not_connected',
    summary:
      'Queued behind 41 messages; the session is interrupted since 12:03 UTC: WhatsApp Web has no connection to WhatsApp.',
    advice: 'Open WhatsApp on the phone and see that it is online. It expires at 2026-01-02 09:40 UTC.',
  },
  durations: { queuedMs: 8_580_000, handOverMs: null, acknowledgementMs: null },
  pacing: null,
  queue: { ahead: 41 },
  media: null,
  steps: [
    {
      at: '2026-01-01T09:40:00.000Z',
      kind: 'accepted',
      summary: 'Accepted by the API, to be sent.',
      detail: { priority: 0 },
    },
  ],
  events: [],
  webhooks: { deliveries: [], truncated: false },
};
