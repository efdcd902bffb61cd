import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import {
  findProcess,
  isProcessAlive,
  startObjectStore,
  startPostgres,
  type ProcessIdentity,
  type RunningObjectStore,
  type RunningPostgres,
} from '#embedded';
import { temporaryFolder } from './temporary-folder.js';

export interface TestObjectStore {
  endpoint: string;
  accessKey: string;
  secretKey: string;
  region: string;
  /** Shared by the whole run: keep to keys of your own. */
  bucket: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Superuser's url of the run's Postgres; take a database of your own with `freshDatabase()`. */
    postgresUrl: string;
    /** The run's S3 server. */
    s3: TestObjectStore;
  }
}

const PREFIX = 'wagate-test-run-';
const S3 = {
  accessKey: 'test-access',
  secretKey: 'test-secret-of-this-run',
  region: 'us-east-1',
  bucket: 'media',
};

let postgres: RunningPostgres;
let objectStore: RunningObjectStore;
let folder: string;

/** A killed run leaves its Postgres behind: start it under our own hand, and stop it with its data. */
async function removeLeftOverRuns(): Promise<void> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(PREFIX));
  for (const name of names) {
    const path = join(tmpdir(), name);
    const owner = await readFile(join(path, 'owner.json'), 'utf8').catch(() => undefined);
    if (owner === undefined || isProcessAlive(JSON.parse(owner) as ProcessIdentity)) continue;
    const leftOver = await startPostgres({ dataDir: join(path, 'postgres'), durable: false });
    await leftOver.stop({ remove: true });
    await rm(path, { recursive: true, force: true });
  }
}

/** One Postgres and one S3 server for the whole run; suites make their own databases and keys in them. */
export async function setup(project: TestProject): Promise<void> {
  await removeLeftOverRuns();
  folder = await temporaryFolder(PREFIX);
  await writeFile(join(folder, 'owner.json'), JSON.stringify(findProcess(process.pid)));
  postgres = await startPostgres({ dataDir: join(folder, 'postgres'), durable: false });
  objectStore = await startObjectStore({ dataDir: join(folder, 's3'), ...S3, buckets: [S3.bucket] });
  project.provide('postgresUrl', postgres.url);
  project.provide('s3', { ...S3, endpoint: objectStore.endpoint });
}

export async function teardown(): Promise<void> {
  await objectStore.stop();
  await postgres.stop({ remove: true });
  await rm(folder, { recursive: true, force: true });
}
