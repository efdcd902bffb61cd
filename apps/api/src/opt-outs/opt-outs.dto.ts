import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';
import { idSchema, sessionIdSchema } from '#contracts';
import { pageQuerySchema, pageSchema, plainText } from '../http/index.js';
import { sessionReferenceSchema } from '../sessions/index.js';

export const optOutIdSchema = idSchema('opt');
const personSchema = z
  .string()
  .min(1)
  .max(100)
  .describe('Phone number (E.164, + optional) or WhatsApp chat id (`…@c.us`, `…@g.us`, `…@lid`)');

const optOutSchema = z
  .object({
    id: optOutIdSchema,
    session: z
      .object({ id: sessionIdSchema, name: z.string() })
      .nullable()
      .describe('The only session it is about; null: all of the tenant'),
    to: z.object({
      id: z.string().describe('WhatsApp chat id'),
      phone: z.string().nullable().describe('E.164 without +'),
      lid: z.string().nullable(),
    }),
    reason: z.string().nullable(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'OptOut' });
export type OptOutView = z.infer<typeof optOutSchema>;
export class OptOutDto extends createZodDto(optOutSchema) {}
export class OptOutPageDto extends createZodDto(pageSchema(optOutSchema).meta({ id: 'OptOutPage' })) {}

const createdOptOutSchema = optOutSchema
  .extend({
    underWay: z
      .int()
      .describe(
        'Messages to them that were being handed over and could not be stopped; 0: nothing more leaves',
      ),
  })
  .meta({ id: 'CreatedOptOut' });
export type CreatedOptOut = z.infer<typeof createdOptOutSchema>;
export class CreatedOptOutDto extends createZodDto(createdOptOutSchema) {}

export class CreateOptOutDto extends createZodDto(
  z
    .strictObject({
      to: personSchema,
      session: sessionReferenceSchema.optional().describe('Id or name of the only session that it is about'),
      reason: plainText(500).min(1).optional().describe('For you; shown, not interpreted'),
    })
    .meta({ id: 'CreateOptOut', example: { to: '+4915112345678', reason: 'wrote STOP' } }),
) {}

export class ListOptOutsQuery extends createZodDto(
  pageQuerySchema.extend({
    to: personSchema.optional().describe('Only those of this person'),
    session: sessionReferenceSchema.optional().describe('Only those that hold for this session'),
  }),
) {}

export class OptOutParams extends createZodDto(
  z.strictObject({ id: z.string().min(1).max(100).describe('Id of an opt-out') }),
) {}

export const OPT_OUT_EXAMPLE: OptOutView = {
  id: 'opt_01kb6x2vb8c7j0m4qf5t9wz3ye',
  session: null,
  to: { id: '4915112345678@c.us', phone: '4915112345678', lid: null },
  reason: 'wrote STOP',
  createdAt: '2026-01-01T09:40:00.000Z',
};
