import { createZodValidationPipe } from 'nestjs-zod';
import { ZodError } from 'zod';
import { AppError } from '#kernel';
import { detailsOf } from './zod-details.js';

/** Checks bodies, queries and path parameters against the schema of their DTO; what breaks a rule is named. */
export const ZodPipe = createZodValidationPipe({
  createValidationException: (error: unknown) => {
    if (!(error instanceof ZodError)) return new AppError('internal', 'validation failed', { cause: error });
    const details = detailsOf(error);
    const [first] = details;
    const where = first?.path ? `${first.path}: ${first.message}` : (first?.message ?? 'a rule is broken');
    return new AppError('invalid_request', `the request is not valid: ${where}`, { details, cause: error });
  },
});
