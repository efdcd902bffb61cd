import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';
import { contactIdSchema, sessionIdSchema } from '#contracts';
import { pageQuerySchema, pageSchema, plainText } from '../http/index.js';
import { phoneSchema } from '../phones/index.js';
import { sessionReferenceSchema } from '../sessions/index.js';

const contactSchema = z
  .object({
    id: contactIdSchema,
    sessionId: sessionIdSchema,
    waId: z.string().describe('`…@c.us` when the phone is known, else `…@lid`'),
    phone: z.string().nullable().describe('E.164 without +'),
    lid: z.string().nullable(),
    name: z.string().nullable(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Contact' });
export type ContactView = z.infer<typeof contactSchema>;
export class ContactDto extends createZodDto(contactSchema) {}
export class ContactPageDto extends createZodDto(pageSchema(contactSchema).meta({ id: 'ContactPage' })) {}

export class ListContactsQuery extends createZodDto(
  pageQuerySchema.extend({
    session: sessionReferenceSchema.optional().describe('Id or name of a session; left out: all of them'),
    search: plainText(100)
      .min(1)
      .optional()
      .describe('Part of the name, or the beginning of the phone number'),
  }),
) {}

export class ContactParams extends createZodDto(
  z.strictObject({
    id: z.string().min(1).max(100).describe('Id of a contact, phone number, or WhatsApp’s id in either form'),
  }),
) {}

export class ContactQuery extends createZodDto(
  z.strictObject({
    session: sessionReferenceSchema
      .optional()
      .describe('Id or name of a session, where several know the same person'),
  }),
) {}

export class CheckContactsDto extends createZodDto(
  z
    .strictObject({
      session: sessionReferenceSchema.optional().describe('Id or name; left out: the only one'),
      phones: z.array(phoneSchema).min(1).max(20),
    })
    .meta({ id: 'CheckContacts', example: { phones: ['+4915112345678'] } }),
) {}

const checkedSchema = z
  .object({
    results: z.array(
      z.object({
        phone: z.string().describe('E.164 without +'),
        exists: z.boolean().describe('Whether the number is on WhatsApp'),
        waId: z.string().nullable(),
        lid: z.string().nullable(),
      }),
    ),
  })
  .meta({ id: 'CheckedContacts' });
export type CheckedView = z.infer<typeof checkedSchema>;
export class CheckedContactsDto extends createZodDto(checkedSchema) {}
