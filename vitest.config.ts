import { configDefaults, defineConfig } from 'vitest/config';
import { ALONE, TESTS } from './test/support/test-projects.js';

const conditions = ['wagate-source'];

/** How every test file is run: in a process of its own, on the sources. */
const each = {
  // Nest's injection reads the types that decorators leave behind.
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  environments: { __vitest__: { resolve: { conditions } } },
};
const limits = { pool: 'forks', testTimeout: 120_000, hookTimeout: 240_000 } as const;

/**
 * Two projects, one after the other: what needs a database at the most runs two files at a time; whole systems with
 * real browsers run one file after the other, as two of those are more than two cores bear.
 */
export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    projects: [
      {
        ...each,
        test: {
          ...limits,
          name: 'together',
          include: TESTS,
          exclude: [...configDefaults.exclude, ...ALONE],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        ...each,
        test: { ...limits, name: 'alone', include: ALONE, maxWorkers: 1, sequence: { groupOrder: 2 } },
      },
    ],
  },
});
