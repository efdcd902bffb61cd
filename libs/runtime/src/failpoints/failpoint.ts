import { ArmedFailpoints, type FailpointSource } from './armed-failpoints.js';
import type { FailpointName } from './failpoint-names.js';

/** The variable that sets failpoints: a plan, or `@` and the path of a file that holds one. */
export const FAILPOINTS_VARIABLE = 'WAGATE_FAILPOINTS';

let armed: ArmedFailpoints | undefined;

/**
 * A named moment at which a test may stop, fail or kill this process; to be awaited.
 * Where none is set, which is always in production, it is one comparison.
 */
export function failpoint(name: FailpointName): Promise<void> | undefined {
  return armed === undefined ? undefined : armed.hit(name);
}

/**
 * Sets the failpoints that the environment names; without the variable there are none.
 * @throws Error when the plan cannot be read, and in production
 */
export function armFailpoints(env: Record<string, string | undefined>): void {
  const value = env[FAILPOINTS_VARIABLE];
  if (value === undefined || value === '') {
    armed = undefined;
    return;
  }
  if (env.NODE_ENV === 'production')
    throw new Error('failpoints are for tests; they are refused in production');
  const source: FailpointSource = value.startsWith('@') ? { file: value.slice(1) } : { plan: value };
  armed = new ArmedFailpoints(source);
}
