import { z } from 'zod';

export interface ConfigVariable {
  name: string;
  description: string;
  /** Which values are taken, as the schema says it; a field may say it itself, in its metadata as `allowed`. */
  allowed: string;
  isRequired: boolean;
  /** As it would be written in an env file; undefined when there is none. */
  defaultValue: string | undefined;
  /** Never to be shown or committed. */
  isSecret: boolean;
}

const SECRET_NAMES = /(?:_KEY|SECRET|PEPPER|PASSWORD|TOKEN)$|^(?:DATABASE|REDIS)_.*URL$/;
const PROTOCOLS = ['http', 'https', 'postgres', 'postgresql', 'redis', 'rediss'];

/** The variables of a process' schema, in its order, for `.env.example` and `docs/config.md`. */
export function describeConfig(schema: z.ZodObject): ConfigVariable[] {
  return Object.entries(schema.shape).map(([name, field]) => {
    const whenUnset = (field as z.ZodType).safeParse(undefined);
    const isGiven = whenUnset.success && whenUnset.data !== undefined;
    return {
      name,
      description: (field as z.ZodType).description ?? '',
      allowed: allowedOf(field as z.ZodType),
      isRequired: !whenUnset.success,
      defaultValue: isGiven ? String(whenUnset.data) : undefined,
      isSecret: SECRET_NAMES.test(name),
    };
  });
}

function allowedOf(field: z.ZodType): string {
  const inner = unwrapped(field);
  const { allowed } = inner.meta() ?? {};
  if (typeof allowed === 'string') return allowed;
  if (inner instanceof z.ZodURL) return `${protocolsOf(inner).join(':// or ')}:// URL`;
  const rule = z.toJSONSchema(inner, { io: 'input', unrepresentable: 'any' });
  if (rule.enum) return rule.enum.map(String).join(', ');
  if (rule.type === 'integer') return `${String(rule.minimum)} to ${String(rule.maximum)}`;
  if (rule.pattern !== undefined) return `matches \`${rule.pattern}\``;
  if (rule.maxLength !== undefined)
    return `${String(rule.minLength ?? 0)} to ${String(rule.maxLength)} characters`;
  return 'text';
}

/** The field that a value is checked by: without what makes it optional, gives it a default, or turns it into another. */
function unwrapped(field: z.ZodType): z.ZodType {
  if (field instanceof z.ZodDefault || field instanceof z.ZodOptional)
    return unwrapped(field.unwrap() as z.ZodType);
  return field instanceof z.ZodPipe ? unwrapped(field.in as z.ZodType) : field;
}

function protocolsOf(field: z.ZodURL): string[] {
  const { protocol } = field._zod.def;
  return PROTOCOLS.filter((name) => protocol?.test(name) ?? true);
}
