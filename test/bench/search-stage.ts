import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { createDatabase, type FreshDatabase, type RunningPostgres } from '#embedded';
import { HttpClient } from '../support/http-client.js';
import { startBenchStack, type BenchStack } from './bench-stack.js';
import type { BenchRun } from './bench-run.js';
import { SearchLoad, SHAPE } from './search-load.js';
import { nowMs } from './statistics.js';

/** Folder in which the loaded database stays, for the next run that names it. */
const KEPT_IN = process.env.BENCH_DATA === undefined ? undefined : resolve(process.env.BENCH_DATA);
const KEPT_NAME = 'bench_search';
/** What docker/env.example says for millions of messages. */
const SHARED_BUFFERS = process.env.BENCH_SHARED_BUFFERS ?? '2GB';

/** One tenant of the bench. */
export interface Asker {
  client: HttpClient;
  sessions: number;
}

export interface SearchStage {
  askers: Asker[];
  /** Of the tables and of Postgres' memory, for the reader. */
  sizes: string;
  /** What loading took; undefined where it was loaded before. */
  seconds: number | undefined;
}

/** What a run needs to ask a database that an earlier one has loaded; written once it is loaded whole. */
interface Kept {
  messages: number;
  pepper: string;
  keys: string[];
}

const NOTE = 'bench-search.json';

async function findKept(messages: number): Promise<Kept | undefined> {
  if (KEPT_IN === undefined) return undefined;
  await mkdir(KEPT_IN, { recursive: true });
  const path = join(KEPT_IN, NOTE);
  if (!existsSync(path)) return undefined;
  const kept = JSON.parse(await readFile(path, 'utf8')) as Kept;
  if (kept.messages === messages) return kept;
  await rm(path);
  return undefined;
}

/** The one that stays: as it was loaded, or empty in place of what an interrupted run has left. */
async function openKept(server: RunningPostgres, isLoaded: boolean): Promise<FreshDatabase> {
  const url = new URL(server.url);
  url.pathname = `/${KEPT_NAME}`;
  if (!isLoaded) {
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    await client.query(`DROP DATABASE IF EXISTS ${KEPT_NAME} WITH (FORCE)`).finally(() => client.end());
    await createDatabase(server.url, { name: KEPT_NAME });
  }
  return { url: url.href, name: KEPT_NAME, drop: () => Promise.resolve() };
}

async function fill(run: BenchRun, stack: BenchStack, load: SearchLoad, messages: number): Promise<string[]> {
  const keys: string[] = [];
  const tenants = [];
  for (const [place, shape] of SHAPE.entries()) {
    const name = `Search ${String(place)}`;
    keys.push((await stack.createTenant(name)).key);
    tenants.push(await load.tenant(name, shape));
  }
  // Its sweeps would read the tables that have no indexes while they grow.
  await stack.api.stop();
  await load.messages(tenants, messages);
  await stack.api.start();
  run.log('loaded');
  return keys;
}

/** The api over the messages: loaded now, or by an earlier run that kept them. */
export async function openSearchStage(run: BenchRun, messages: number): Promise<SearchStage> {
  const kept = await findKept(messages);
  const server = await run.postgres({
    sharedBuffers: SHARED_BUFFERS,
    ...(KEPT_IN === undefined ? {} : { keptIn: KEPT_IN }),
  });
  const database = KEPT_IN === undefined ? await run.database(server) : await openKept(server, !!kept);
  const pepper = kept?.pepper ?? randomBytes(32).toString('hex');
  const stack = await startBenchStack(run, { database, withoutNode: true, apiEnv: { KEY_PEPPER: pepper } });
  const load = await SearchLoad.open(run, database.url);
  const startedAt = nowMs();
  const keys = kept?.keys ?? (await fill(run, stack, load, messages));
  const seconds = kept ? undefined : (nowMs() - startedAt) / 1_000;
  if (KEPT_IN !== undefined && !kept) {
    const note: Kept = { messages, pepper, keys };
    await writeFile(join(KEPT_IN, NOTE), JSON.stringify(note), { mode: 0o600 });
  }
  const askers = SHAPE.map(({ sessions }, place) => ({
    client: new HttpClient(`${stack.baseUrl}/api/v1`, keys[place] ?? ''),
    sessions,
  }));
  return { askers, sizes: await load.describe(), seconds };
}
