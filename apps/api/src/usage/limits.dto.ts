import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';

const rateSchema = z.object({ limit: z.int(), windowSeconds: z.int() });

const limitsSchema = z
  .object({
    rate: z.object({ key: rateSchema, tenant: rateSchema }),
    messages: z.object({
      dailyLimit: z.int().nullable().describe('Messages per UTC day; null: no limit'),
      sessionDailyLimit: z.int().nullable().describe('The same for each session'),
      acceptedToday: z.int(),
      remainingToday: z.int().nullable(),
      resetsAt: z.iso.datetime(),
    }),
    sessions: z.object({ limit: z.int().describe('Sessions the tenant may have') }),
  })
  .meta({ id: 'Limits' });

export type Limits = z.infer<typeof limitsSchema>;
export class LimitsDto extends createZodDto(limitsSchema) {}
