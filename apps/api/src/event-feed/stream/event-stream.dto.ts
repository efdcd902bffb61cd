import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';
import { sessionReferenceSchema } from '../../sessions/index.js';
import { eventTypesSchema, seqSchema } from '../event-fields.js';

const streamQuerySchema = z.strictObject({
  after: seqSchema
    .transform(Number)
    .optional()
    .describe(
      'Begin behind this `seq`; 0: with the oldest event that is kept; left out: with what happens now',
    ),
  types: eventTypesSchema.optional(),
  session: sessionReferenceSchema.optional(),
});
export type StreamQuery = z.infer<typeof streamQuerySchema>;
export class StreamQueryDto extends createZodDto(streamQuerySchema) {}

/** The header with which browsers resume a stream; it wins over `after`. */
export const lastEventIdSchema = z.object({ 'last-event-id': seqSchema.transform(Number) });
