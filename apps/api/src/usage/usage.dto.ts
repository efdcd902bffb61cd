import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';
import { sessionReferenceSchema } from '../sessions/index.js';

const MOST_DAYS = 366;
const MOST_DAYS_BY_SESSION = 31;
const DAY_MS = 86_400_000;

/** A day that Postgres has too: there is no year 0. */
const daySchema = z.iso.date().refine((day) => day >= '2000-01-01', 'must be 2000-01-01 or later');

const usageQuerySchema = z
  .strictObject({
    from: daySchema.optional().describe('First UTC day; 30 days before `to` unless told'),
    to: daySchema.optional().describe('Last UTC day, included; today unless told'),
    granularity: z.enum(['day', 'month']).default('day').describe('Length of a period'),
    by: z
      .enum(['tenant', 'session'])
      .default('tenant')
      .describe('One row per period, or per period and session'),
    session: sessionReferenceSchema.optional().describe('Id or name of a session; left out: all of them'),
  })
  .transform(({ from, to, ...rest }) => {
    const last = to ?? new Date().toISOString().slice(0, 10);
    return {
      from: from ?? new Date(Date.parse(last) - 29 * DAY_MS).toISOString().slice(0, 10),
      to: last,
      ...rest,
    };
  })
  .refine(({ from, to }) => from <= to, { path: ['from'], message: 'must not be after `to`' })
  .refine(({ from, to }) => Date.parse(to) - Date.parse(from) < MOST_DAYS * DAY_MS, {
    path: ['from'],
    message: `must be at most ${MOST_DAYS} days before \`to\``,
  })
  .refine(
    ({ from, to, by, granularity }) =>
      by === 'tenant' ||
      granularity === 'month' ||
      Date.parse(to) - Date.parse(from) < MOST_DAYS_BY_SESSION * DAY_MS,
    {
      path: ['from'],
      message: `must be at most ${MOST_DAYS_BY_SESSION} days before \`to\` when days are shown by session`,
    },
  );

const countsSchema = z.object({
  accepted: z.int().describe('Messages accepted for sending'),
  sent: z.int(),
  delivered: z.int(),
  failed: z.int(),
  received: z.int(),
  mediaBytes: z.int().describe('Media stored, both ways'),
});

const usageSchema = z
  .object({
    from: z.iso.date(),
    to: z.iso.date(),
    granularity: z.enum(['day', 'month']),
    data: z.array(
      countsSchema.extend({
        period: z.string().describe('`2026-01-31` or `2026-01`'),
        sessionId: z.string().nullable().describe('null: the whole tenant'),
      }),
    ),
    total: countsSchema,
  })
  .meta({ id: 'Usage' });

export type UsageQuery = z.infer<typeof usageQuerySchema>;
export type UsageCounts = z.infer<typeof countsSchema>;
export type Usage = z.infer<typeof usageSchema>;
export class UsageQueryDto extends createZodDto(usageQuerySchema) {}
export class UsageDto extends createZodDto(usageSchema) {}
