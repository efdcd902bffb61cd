import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';
import {
  deliveryIdSchema,
  eventIdSchema,
  eventSchema,
  eventTypeSchema,
  KEY_MODES,
  sessionIdSchema,
  webhookIdSchema,
} from '#contracts';
import { pageQuerySchema, pageSchema, plainText } from '../http/index.js';
import { customHeadersSchema } from './custom-headers.js';

const eventsSchema = z
  .array(eventTypeSchema)
  .min(1)
  .max(50)
  .nullable()
  .describe('Only events of these types, each kept once; null: all, also those of later versions');
const sessionsSchema = z
  .array(sessionIdSchema)
  .min(1)
  .max(100)
  .nullable()
  .describe('Only events of these sessions; null: all that your key may use');
const urlSchema = plainText(2_048).describe('Where events are posted; https, without credentials');
const descriptionSchema = plainText(200).nullable();

export const createWebhookSchema = z
  .strictObject({
    url: urlSchema,
    events: eventsSchema.optional(),
    sessionIds: sessionsSchema.optional(),
    description: descriptionSchema.optional(),
    headers: customHeadersSchema.nullable().optional(),
  })
  .meta({
    id: 'CreateWebhook',
    example: { url: 'https://example.com/whatsapp', events: ['message.received'] },
  });

export const changeWebhookSchema = z
  .strictObject({
    url: urlSchema.optional(),
    events: eventsSchema.optional(),
    sessionIds: sessionsSchema.optional(),
    description: descriptionSchema.optional(),
    headers: customHeadersSchema.nullable().optional(),
    enabled: z.boolean().optional().describe('true starts it again where it stopped, nothing is left out'),
  })
  .meta({ id: 'ChangeWebhook', example: { enabled: true } });

export const rotateSecretSchema = z
  .strictObject({
    overlapSeconds: z.int().min(0).max(604_800).default(86_400).describe('How long the old secret signs too'),
  })
  .meta({ id: 'RotateWebhookSecret', example: { overlapSeconds: 3600 } });

export const replaySchema = z
  .strictObject({
    since: z.iso.datetime({ offset: true }).describe('Events from then on'),
    until: z.iso.datetime({ offset: true }).optional().describe('Events before then; now unless told'),
    events: eventsSchema.optional(),
  })
  .refine(({ since, until }) => until === undefined || Date.parse(since) < Date.parse(until), {
    path: ['until'],
    message: 'must be after `since`',
  })
  .meta({ id: 'ReplayWebhook', example: { since: '2026-01-01T00:00:00Z', until: '2026-01-02T00:00:00Z' } });

export const webhookSchema = z
  .object({
    id: webhookIdSchema,
    url: z.string(),
    description: z.string().nullable(),
    events: z.array(z.string()).nullable(),
    sessionIds: z.array(z.string()).nullable(),
    headers: z.array(z.string()).describe('Names of the custom headers; their values are not shown'),
    mode: z.enum(KEY_MODES),
    enabled: z.boolean(),
    state: z
      .enum(['active', 'failing', 'disabled'])
      .describe('`failing`: attempts fail in a row; events wait and are delivered when it answers again'),
    disabledReason: z
      .enum(['by_tenant', 'gone', 'failing'])
      .nullable()
      .describe('`gone`: it answered 410; `failing`: it failed for five days'),
    disabledAt: z.iso.datetime().nullable(),
    failingSince: z.iso.datetime().nullable(),
    nextProbeAt: z.iso.datetime().nullable().describe('When a failing one is tried next'),
    lastSeq: z.int().describe('Every event up to here was tried at least once'),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Webhook' });

export const webhookWithSecretSchema = webhookSchema
  .extend({
    secret: z
      .string()
      .nullable()
      .describe(
        'Signs every post; shown this once, null when the answer is repeated under an Idempotency-Key',
      ),
  })
  .meta({ id: 'WebhookWithSecret' });

const attemptSchema = z.object({
  at: z.iso.datetime(),
  status: z.int().nullable().describe('HTTP status; null when there was no answer'),
  error: z
    .enum(['forbidden', 'timeout', 'unreachable', 'tls', 'broken_answer', 'secret_unreadable'])
    .nullable()
    .describe('Why there was no answer'),
  durationMs: z.int(),
  responseType: z.string().nullable(),
  responseHead: z.string().nullable().describe('Beginning of the answer, 512 characters at most'),
});

export const deliverySchema = z
  .object({
    id: deliveryIdSchema,
    webhookId: webhookIdSchema,
    eventId: eventIdSchema,
    seq: z.int(),
    eventType: z.string(),
    cause: z.enum(['event', 'replay', 'redelivery']),
    state: z.enum(['pending', 'delivered', 'failed']).describe('`failed`: given up after the last attempt'),
    attempts: z.array(attemptSchema).describe('Oldest first'),
    nextAttemptAt: z.iso.datetime().nullable(),
    createdAt: z.iso.datetime(),
    endedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Delivery' });

export const deliveryDetailSchema = deliverySchema
  .extend({
    request: z.object({
      url: z.string(),
      body: eventSchema.nullable().describe('null: the event is no longer kept'),
    }),
  })
  .meta({ id: 'DeliveryDetail' });

const testResultSchema = z
  .object({ delivered: z.boolean().describe('Whether it answered 2xx'), attempt: attemptSchema })
  .meta({ id: 'WebhookTest' });

const replayResultSchema = z
  .object({ deliveries: z.int().describe('How many events will be delivered again') })
  .meta({ id: 'WebhookReplay' });

export const deliveryQuerySchema = pageQuerySchema.extend({
  state: z.enum(['pending', 'delivered', 'failed']).optional().describe('Only those'),
});

export type CreateWebhook = z.infer<typeof createWebhookSchema>;
export type ChangeWebhook = z.infer<typeof changeWebhookSchema>;
export type ReplayWebhook = z.infer<typeof replaySchema>;
export type Webhook = z.infer<typeof webhookSchema>;
export type WebhookWithSecret = z.infer<typeof webhookWithSecretSchema>;
export type DeliveryView = z.infer<typeof deliverySchema>;
export type DeliveryDetail = z.infer<typeof deliveryDetailSchema>;
export type DeliveryQuery = z.infer<typeof deliveryQuerySchema>;
export type WebhookTest = z.infer<typeof testResultSchema>;
export type WebhookReplay = z.infer<typeof replayResultSchema>;

export class CreateWebhookDto extends createZodDto(createWebhookSchema) {}
export class ChangeWebhookDto extends createZodDto(changeWebhookSchema) {}
export class RotateSecretDto extends createZodDto(rotateSecretSchema) {}
export class ReplayDto extends createZodDto(replaySchema) {}
export class WebhookParams extends createZodDto(z.strictObject({ id: webhookIdSchema })) {}
export class DeliveryParams extends createZodDto(z.strictObject({ id: deliveryIdSchema })) {}
export class WebhookQuery extends createZodDto(pageQuerySchema) {}
export class DeliveryQueryDto extends createZodDto(deliveryQuerySchema) {}
export class WebhookDto extends createZodDto(webhookSchema) {}
export class WebhookWithSecretDto extends createZodDto(webhookWithSecretSchema) {}
export class WebhookPageDto extends createZodDto(pageSchema(webhookSchema).meta({ id: 'WebhookPage' })) {}
export class DeliveryDto extends createZodDto(deliverySchema) {}
export class DeliveryDetailDto extends createZodDto(deliveryDetailSchema) {}
export class DeliveryPageDto extends createZodDto(pageSchema(deliverySchema).meta({ id: 'DeliveryPage' })) {}
export class WebhookTestDto extends createZodDto(testResultSchema) {}
export class WebhookReplayDto extends createZodDto(replayResultSchema) {}
