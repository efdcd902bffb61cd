import { defineConfig } from 'vitest/config';

/**
 * One project, files one after the other in their own process: the suites start real browsers,
 * databases and servers, and two of those at a time is more than two cores bear.
 */
export default defineConfig({
  // Nest's injection reads the types that decorators leave behind.
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  resolve: { conditions: ['wagate-source'] },
  ssr: { resolve: { conditions: ['wagate-source'] } },
  environments: { __vitest__: { resolve: { conditions: ['wagate-source'] } } },
  test: {
    include: ['{apps,libs,scripts}/**/*.test.ts', 'test/{e2e,contract,faults}/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 240_000,
  },
});
