import { z } from 'zod';
import { loggedEventTypeSchema } from '#contracts';

/** The number of an event, as a query or a header says it. */
export const seqSchema = z.string().regex(/^\d{1,15}$/, 'must be the seq of an event, or 0');

/** `a,b`: types of events in one field of a query. */
export const eventTypesSchema = z
  .string()
  .max(2_000)
  .transform((list) => list.split(','))
  .pipe(z.array(loggedEventTypeSchema))
  .describe('Only events of these types, separated by commas');
