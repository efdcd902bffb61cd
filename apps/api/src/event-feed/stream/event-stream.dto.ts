import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';
import { loggedEventTypeSchema } from '#contracts';
import { sessionReferenceSchema } from '../../sessions/index.js';

const seqSchema = z.string().regex(/^\d{1,15}$/, 'must be the seq of an event, or 0');

const streamQuerySchema = z.strictObject({
  after: seqSchema
    .transform(Number)
    .optional()
    .describe(
      'Begin behind this `seq`; 0: with the oldest event that is kept; left out: with what happens now',
    ),
  types: z
    .string()
    .max(2_000)
    .transform((list) => list.split(','))
    .pipe(z.array(loggedEventTypeSchema))
    .optional()
    .describe('Only events of these types, separated by commas'),
  session: sessionReferenceSchema.optional(),
});
export type StreamQuery = z.infer<typeof streamQuerySchema>;
export class StreamQueryDto extends createZodDto(streamQuerySchema) {}

/** The header with which browsers resume a stream; it wins over `after`. */
export const lastEventIdSchema = z.object({ 'last-event-id': seqSchema.transform(Number) });
