import { z } from 'zod';
import { sessionIdSchema, sessionNameSchema } from '#contracts';

/** How a request names a session. What can be no id and no name names none: the ordinary 404. */
export const sessionReferenceSchema = z.string().min(1).max(100).describe('Id or name of a session');

/** Whether a session can have this id or name at all. */
export function canNameSession(reference: string): boolean {
  return sessionIdSchema.safeParse(reference).success || sessionNameSchema.safeParse(reference).success;
}
