import type { z } from 'zod';

export interface ConfigVariable {
  name: string;
  description: string;
  isRequired: boolean;
  /** As it would be written in an env file; undefined when there is none. */
  defaultValue: string | undefined;
  /** Never to be shown or committed. */
  isSecret: boolean;
}

const SECRET_NAMES = /(?:_KEY|SECRET|PEPPER|PASSWORD|TOKEN)$|^(?:DATABASE|REDIS)_.*URL$/;

/** The variables of a process' schema, in its order, for `.env.example` and `docs/config.md`. */
export function describeConfig(schema: z.ZodObject): ConfigVariable[] {
  return Object.entries(schema.shape).map(([name, field]) => {
    const whenUnset = (field as z.ZodType).safeParse(undefined);
    const isGiven = whenUnset.success && whenUnset.data !== undefined;
    return {
      name,
      description: (field as z.ZodType).description ?? '',
      isRequired: !whenUnset.success,
      defaultValue: isGiven ? String(whenUnset.data) : undefined,
      isSecret: SECRET_NAMES.test(name),
    };
  });
}
