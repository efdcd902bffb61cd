import { randomBytes } from 'node:crypto';
import type { FreshDatabase } from '#embedded';
import { startStack, type Stack, type StackOptions } from '../support/stack.js';
import type { BenchRun } from './bench-run.js';

export interface BenchStack extends Stack {
  /** What api and node sign their requests with. */
  internalSecret: string;
}

/** Wagate as in production but for its limits, which would answer 429 to any bench. Ends with the run. */
export async function startBenchStack(
  run: BenchRun,
  options: Partial<StackOptions> & { database: FreshDatabase },
): Promise<BenchStack> {
  const internalSecret = randomBytes(32).toString('hex');
  const both = { INTERNAL_SECRET: internalSecret, LOG_LEVEL: 'info' };
  const stack = await startStack({
    // The build that the plain library works on; it is the baseline.
    profile: 'classic',
    ...options,
    apiEnv: {
      ...both,
      // As `npm start` starts it.
      NODE_OPTIONS: '--max-semi-space-size=32',
      KEY_REQUESTS_PER_MINUTE: '10000000',
      TENANT_REQUESTS_PER_MINUTE: '10000000',
      ...options.apiEnv,
    },
    nodeEnv: { ...both, ...options.nodeEnv },
  });
  run.defer('wagate', () => stack.close());
  return { ...stack, internalSecret };
}
