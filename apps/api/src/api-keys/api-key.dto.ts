import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';
import { KEY_MODES, SCOPES, keyIdSchema, sessionIdSchema } from '#contracts';
import { isAddressRange } from '../auth/index.js';
import { pageQuerySchema, pageSchema, plainText } from '../http/index.js';

const nameSchema = plainText(100).trim().min(1);
const scopeSchema = z.enum(SCOPES);

export const createApiKeySchema = z
  .strictObject({
    name: nameSchema.describe('What the key is for'),
    scopes: z
      .array(scopeSchema)
      .min(1)
      .max(SCOPES.length)
      .describe('What it may do; at most what your own key may'),
    mode: z
      .enum(KEY_MODES)
      .optional()
      .describe('`test`: simulator sessions only; that of your own key unless told'),
    sessionIds: z
      .array(sessionIdSchema)
      .min(1)
      .max(100)
      .nullable()
      .optional()
      .describe('The only sessions it may use'),
    allowedIps: z
      .array(z.string().max(50).refine(isAddressRange, 'must be an IP address or a CIDR range'))
      .min(1)
      .max(50)
      .nullable()
      .optional()
      .describe('The only addresses it may be used from'),
    expiresAt: z.iso
      .datetime()
      .refine((at) => Date.parse(at) > Date.now(), 'must be in the future')
      .nullable()
      .optional()
      .describe('When it stops working'),
  })
  .meta({ id: 'CreateApiKey', example: { name: 'CRM', scopes: ['messages:send', 'messages:read'] } });

export const rotateApiKeySchema = z
  .strictObject({
    overlapSeconds: z.int().min(0).max(604_800).default(86_400).describe('How long the old key still works'),
  })
  .meta({ id: 'RotateApiKey', example: { overlapSeconds: 3600 } });

export const apiKeySchema = z
  .object({
    id: keyIdSchema,
    name: z.string(),
    mode: z.enum(KEY_MODES),
    prefix: z.string().describe('Beginning of the key, to recognise it by'),
    scopes: z.array(scopeSchema),
    sessionIds: z.array(z.string()).nullable(),
    allowedIps: z.array(z.string()).nullable(),
    createdAt: z.iso.datetime(),
    lastUsedAt: z.iso.datetime().nullable().describe('To the minute'),
    expiresAt: z.iso.datetime().nullable(),
    revokedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'ApiKey' });

export const createdApiKeySchema = apiKeySchema
  .extend({
    key: z
      .string()
      .nullable()
      .describe('The key itself; shown this once, null when the answer is repeated under an Idempotency-Key'),
  })
  .meta({ id: 'CreatedApiKey' });

export type CreateApiKey = z.infer<typeof createApiKeySchema>;
export type ApiKey = z.infer<typeof apiKeySchema>;
export type CreatedApiKey = z.infer<typeof createdApiKeySchema>;

export class CreateApiKeyDto extends createZodDto(createApiKeySchema) {}
export class RotateApiKeyDto extends createZodDto(rotateApiKeySchema) {}
export class ApiKeyParamsDto extends createZodDto(z.strictObject({ id: keyIdSchema })) {}
export class ApiKeyQueryDto extends createZodDto(pageQuerySchema) {}
export class CreatedApiKeyDto extends createZodDto(createdApiKeySchema) {}
export class ApiKeyPageDto extends createZodDto(pageSchema(apiKeySchema).meta({ id: 'ApiKeyPage' })) {}

export const API_KEY_EXAMPLE: ApiKey = {
  id: 'key_01k2m3n4p5q6r7s8t9v0w1x2y3',
  name: 'CRM',
  mode: 'live',
  prefix: 'wg_live_a1B2c3D4e5',
  scopes: ['messages:send', 'messages:read'],
  sessionIds: null,
  allowedIps: null,
  createdAt: '2026-01-01T12:00:00.000Z',
  lastUsedAt: null,
  expiresAt: null,
  revokedAt: null,
};
