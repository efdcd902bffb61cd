import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startPostgres, type RunningPostgres } from '#embedded';

declare module 'vitest' {
  interface ProvidedContext {
    /** Superuser's url of the run's Postgres; take a database of your own with `freshDatabase()`. */
    postgresUrl: string;
  }
}

let postgres: RunningPostgres;
let folder: string;

/** One Postgres for the whole run; suites make their own databases in it. */
export async function setup(project: TestProject): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), `wagate-test-${process.pid}-`));
  postgres = await startPostgres({ dataDir: join(folder, 'postgres'), durable: false });
  project.provide('postgresUrl', postgres.url);
}

export async function teardown(): Promise<void> {
  await postgres.stop({ remove: true });
  await rm(folder, { recursive: true, force: true });
}
