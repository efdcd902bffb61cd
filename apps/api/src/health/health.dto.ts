import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';

const livenessSchema = z
  .object({ status: z.literal('live'), uptimeSeconds: z.int() })
  .meta({ id: 'Liveness' });

const readinessSchema = z
  .object({
    status: z.enum(['ready', 'degraded', 'not_ready']),
    checks: z.record(
      z.string(),
      z.object({
        state: z.enum(['up', 'down']),
        critical: z.boolean().describe('Whether the api can do nothing useful without it'),
        ms: z.int().describe('How long the check took'),
        detail: z.record(z.string(), z.unknown()).optional(),
      }),
    ),
  })
  .meta({ id: 'Readiness' });

export type Liveness = z.infer<typeof livenessSchema>;
export class LivenessDto extends createZodDto(livenessSchema) {}
export class ReadinessDto extends createZodDto(readinessSchema) {}

export const READINESS_EXAMPLE = {
  status: 'ready',
  checks: {
    database: { state: 'up', critical: true, ms: 1 },
    object_store: { state: 'up', critical: false, ms: 4 },
    nodes: { state: 'up', critical: false, ms: 1, detail: { registered: 1, fresh: 1, withoutSandbox: 0 } },
  },
};
