import { apiConfigSchema, type ApiConfig } from './config.js';

/** The config of the environment; tells of all that is wrong with it at once and ends the process. */
export function loadApiConfig(env: NodeJS.ProcessEnv): ApiConfig {
  const parsed = apiConfigSchema.safeParse(env);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  process.stderr.write(`The configuration is not valid:\n${lines.join('\n')}\n`);
  process.exit(1);
}
