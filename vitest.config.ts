import { configDefaults, defineConfig } from 'vitest/config';
import { ALONE, APART, TESTS, WAITING } from './test/support/test-projects.js';

const conditions = ['wagate-source'];

/** How every test file is run: on the sources. */
const each = {
  // Nest's injection reads the types that decorators leave behind.
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  environments: { __vitest__: { resolve: { conditions } } },
};
const limits = { pool: 'forks', testTimeout: 120_000, hookTimeout: 240_000 } as const;
const { exclude } = configDefaults;

/**
 * What needs a database at the most, or mostly waits, runs two files at a time; then whole systems with real browsers
 * run one file after the other, as two of those are more than two cores bear. A process runs file after file without
 * loading Nest, TypeORM and pg anew for each, but where modules keep state.
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
          exclude: [...exclude, ...ALONE, ...APART],
          isolate: false,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        ...each,
        test: {
          ...limits,
          name: 'apart',
          include: [...APART, ...WAITING],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        ...each,
        test: {
          ...limits,
          name: 'alone',
          include: ALONE,
          exclude: [...exclude, ...WAITING],
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
