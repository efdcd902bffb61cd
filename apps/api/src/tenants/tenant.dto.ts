import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';
import { KEY_MODES, SCOPES, tenantIdSchema } from '#contracts';
import { createdApiKeySchema } from '../api-keys/index.js';
import { pageQuerySchema, pageSchema, plainText } from '../http/index.js';

const STATUSES = ['active', 'suspended'] as const;
const MOST = 2_000_000_000;

const limitFields = {
  maxSessions: z.int().min(0).max(10_000).describe('Sessions the tenant may have'),
  dailyMessageLimit: z.int().min(0).max(MOST).nullable().describe('Messages per UTC day; null: no limit'),
  sessionDailyMessageLimit: z.int().min(0).max(MOST).nullable().describe('The same for each of its sessions'),
  requestsPerMinute: z
    .int()
    .min(1)
    .max(MOST)
    .nullable()
    .describe('Of all its keys together; null: the default'),
  keyRequestsPerMinute: z
    .int()
    .min(1)
    .max(MOST)
    .nullable()
    .describe('Of each of its keys; null: the default'),
};
const limitsSchema = z.strictObject(limitFields).partial();
const nameSchema = plainText(200).trim().min(1);

const createTenantSchema = z
  .strictObject({
    name: nameSchema,
    limits: limitsSchema.optional(),
    firstKey: z
      .strictObject({
        name: plainText(100).trim().min(1).default('first key'),
        mode: z.enum(KEY_MODES).default('live'),
        scopes: z.array(z.enum(SCOPES)).min(1).optional().describe('Everything but `admin` unless told'),
      })
      .optional()
      .describe('Also make an API key for it'),
  })
  .meta({
    id: 'CreateTenant',
    example: { name: 'Acme', limits: { dailyMessageLimit: 10000 }, firstKey: {} },
  });

const updateTenantSchema = z
  .strictObject({ name: nameSchema, status: z.enum(STATUSES), limits: limitsSchema })
  .partial()
  .refine((change) => Object.keys(change).length > 0, 'must change something')
  .meta({ id: 'UpdateTenant', example: { status: 'suspended' } });

const tenantSchema = z
  .object({
    id: tenantIdSchema,
    name: z.string(),
    status: z.enum(STATUSES),
    limits: z.object(limitFields),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Tenant' });

const createdTenantSchema = tenantSchema
  .extend({ firstKey: createdApiKeySchema.nullable() })
  .meta({ id: 'CreatedTenant' });

export type CreateTenant = z.infer<typeof createTenantSchema>;
export type UpdateTenant = z.infer<typeof updateTenantSchema>;
export type Tenant = z.infer<typeof tenantSchema>;
export type CreatedTenant = z.infer<typeof createdTenantSchema>;

export class CreateTenantDto extends createZodDto(createTenantSchema) {}
export class UpdateTenantDto extends createZodDto(updateTenantSchema) {}
export class TenantParamsDto extends createZodDto(z.strictObject({ id: tenantIdSchema })) {}
export class TenantQueryDto extends createZodDto(
  pageQuerySchema.extend({ status: z.enum(STATUSES).optional().describe('Only tenants in this status') }),
) {}
export class TenantDto extends createZodDto(tenantSchema) {}
export class CreatedTenantDto extends createZodDto(createdTenantSchema) {}
export class TenantPageDto extends createZodDto(pageSchema(tenantSchema).meta({ id: 'TenantPage' })) {}

export const TENANT_EXAMPLE: Tenant = {
  id: 'tnt_01k2m3n4p5q6r7s8t9v0w1x2y3',
  name: 'Acme',
  status: 'active',
  limits: {
    maxSessions: 50,
    dailyMessageLimit: 10000,
    sessionDailyMessageLimit: null,
    requestsPerMinute: null,
    keyRequestsPerMinute: null,
  },
  createdAt: '2026-01-01T12:00:00.000Z',
  updatedAt: '2026-01-01T12:00:00.000Z',
};
