import type { z } from 'zod';
import { armFailpoints, FAILPOINTS_VARIABLE } from './failpoints/index.js';

/** What is wrong with one variable. Never holds its value. */
export interface ConfigProblem {
  name: string;
  message: string;
}

/** The environment does not make a configuration. Lists every bad variable, by name and rule. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly problems: readonly ConfigProblem[]) {
    super(
      `the configuration is not valid:\n${problems.map(({ name, message }) => `  ${name}: ${message}`).join('\n')}`,
    );
  }
}

type Environment = Record<string, string | undefined>;

/** An empty line in an env file means: not set. */
function withoutEmpty(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
}

function describeIssue(issue: z.core.$ZodIssue, env: Environment): ConfigProblem {
  const name = String(issue.path[0] ?? '(all)');
  const isMissing = name !== '(all)' && env[name] === undefined;
  return { name, message: isMissing ? 'is required' : issue.message };
}

/**
 * Parses the environment by the schema of a process; variables the schema does not name are ignored.
 * @throws ConfigError naming all bad variables at once
 */
export function loadConfig<T extends z.ZodObject>(schema: T, env: Environment = process.env): z.output<T> {
  const given = withoutEmpty(env);
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  throw new ConfigError(result.error.issues.map((issue) => describeIssue(issue, given)));
}

/** `loadConfig` for a process' first line, which also sets failpoints: prints what is wrong and ends with code 1. */
export function loadConfigOrExit<T extends z.ZodObject>(schema: T): z.output<T> {
  try {
    const config = loadConfig(schema);
    armNamedFailpoints();
    return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

function armNamedFailpoints(): void {
  try {
    armFailpoints(process.env);
  } catch (error) {
    throw new ConfigError([{ name: FAILPOINTS_VARIABLE, message: (error as Error).message }]);
  }
}
