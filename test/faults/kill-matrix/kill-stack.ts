import { randomBytes } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { startObjectStore, type RunningObjectStore } from '#embedded';
import type { FailpointName } from '#runtime';
import { browserPid } from '../../support/browser-pid.js';
import type { HttpClient } from '../../support/http-client.js';
import { linkSession, newPhone, waitForState, type SessionView } from '../../support/session-steps.js';
import { startStack, type Stack } from '../../support/stack.js';
import { TcpRelay } from '../../support/tcp-relay.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { waitFor } from '../../support/wait-for.js';
import { ProgramCopy } from '../nemesis/program-copy.js';
import { DurablePostgres } from './durable-postgres.js';

export type Part = 'api' | 'node';

const QUERY_TIMEOUT_MS = 10_000;

/** After this an unknown fate is final: a day in production, here long enough for a browser to come back. */
const UNKNOWN_FINAL_SECONDS = 40;

/**
 * The whole of wagate to be killed: both processes as built, with failpoints that can be set while they run; a
 * Postgres of its own that keeps what it said it kept; an object store behind a relay; a browser; the simulator, which
 * lives on and is the witness.
 */
export class KillStack {
  /** Failpoints that acted. */
  readonly reached = new Set<string>();
  readonly phone = newPhone();
  client!: HttpClient;
  session!: SessionView;

  private constructor(
    readonly stack: Stack,
    readonly programs: string,
    readonly postgres: DurablePostgres,
    readonly objectStore: TcpRelay,
    readonly nodeEnv: Record<string, string>,
    private readonly folder: string,
    private readonly ends: (() => Promise<unknown>)[],
  ) {}

  static async start(): Promise<KillStack> {
    const folder = await temporaryFolder('wagate-kill-');
    const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
    try {
      return await KillStack.startIn(folder, ends);
    } catch (error) {
      for (const end of ends.reverse()) await end();
      throw error;
    }
  }

  private static async startIn(folder: string, ends: (() => Promise<unknown>)[]): Promise<KillStack> {
    const copy = await ProgramCopy.make('kill-matrix');
    ends.push(() => copy.remove());
    const postgres = await DurablePostgres.start(join(folder, 'postgres'));
    ends.push(() => postgres.remove());
    const access = { accessKey: 'wagate', secretKey: randomBytes(20).toString('hex'), bucket: 'media' };
    const store = await startStore(folder, access);
    ends.push(() => store.stop());
    const relay = await TcpRelay.start(store.port);
    ends.push(() => relay.stop());
    const both = {
      INTERNAL_SECRET: randomBytes(32).toString('hex'),
      S3_ENDPOINT: `http://127.0.0.1:${String(relay.port)}`,
      S3_ACCESS_KEY: access.accessKey,
      S3_SECRET_KEY: access.secretKey,
      S3_BUCKET: access.bucket,
    };
    await Promise.all((['api', 'node'] as const).map((part) => writeFile(planFile(folder, part), '')));
    const nodeEnv = {
      ...both,
      WAGATE_FAILPOINTS: `@${planFile(folder, 'node')}`,
      HEARTBEAT_INTERVAL_MS: '1000',
    };
    const stack = await startStack({
      profile: '2026-09',
      programs: copy.programs,
      database: { url: postgres.url, name: 'wagate', drop: () => Promise.resolve() },
      apiEnv: {
        ...both,
        WAGATE_FAILPOINTS: `@${planFile(folder, 'api')}`,
        MESSAGE_UNKNOWN_FINAL_SECONDS: String(UNKNOWN_FINAL_SECONDS),
        KEY_REQUESTS_PER_MINUTE: '1000000',
        TENANT_REQUESTS_PER_MINUTE: '1000000',
      },
      nodeEnv,
    });
    ends.push(() => stack.close());
    const self = new KillStack(stack, copy.programs, postgres, relay, nodeEnv, folder, ends);
    self.client = (await stack.createTenant('Killed')).client;
    await stack.simulated.post('/accounts', { phone: self.phone, name: 'Me' });
    self.session = await linkSession(stack, self.client, self.phone);
    return self;
  }

  async close(): Promise<void> {
    for (const end of this.ends.reverse()) await end();
  }

  /** What is done at the end, before everything else ends. */
  defer(end: () => Promise<unknown>): void {
    this.ends.push(end);
  }

  get internalSecret(): string {
    return this.nodeEnv.INTERNAL_SECRET ?? '';
  }

  /** Sets a process' failpoints, see FAILPOINTS. */
  arm(part: Part, plan: string): Promise<void> {
    return writeFile(planFile(this.folder, part), plan);
  }

  disarm(part: Part): Promise<void> {
    return this.arm(part, '');
  }

  /** Waits until a failpoint has acted. */
  async waitForHit(part: Part, name: FailpointName): Promise<void> {
    const file = `${planFile(this.folder, part)}.hits`;
    await waitFor(async () => (await readFile(file, 'utf8')).includes(name), {
      what: `failpoint ${name}`,
      deadlineMs: 60_000,
      pollMs: 5,
    });
    await rm(file);
    this.reached.add(name);
  }

  /** Waits until the process has died at a failpoint, and starts it again without. */
  async restartAfterDeathAt(part: Part, name: FailpointName): Promise<void> {
    await this.waitForHit(part, name);
    await this.stack[part].ended();
    await this.disarm(part);
    await this.stack[part].start();
  }

  /** SIGKILL to the session's browser. */
  async killBrowser(): Promise<void> {
    process.kill(await browserPid(this.stack, this.session.id), 'SIGKILL');
  }

  /** Its state alone may be that of a node or a browser that is gone since; the network knows which login is there. */
  async connected(): Promise<SessionView> {
    await waitFor(
      async () => {
        type Logins = { linked: { phone: string; connected: boolean }[] };
        const { linked } = (await this.stack.simulated.get<Logins>('/logins')).body;
        return linked.some(({ phone, connected }) => phone === this.phone && connected);
      },
      { what: 'the login to be connected', deadlineMs: 150_000 },
    );
    return waitForState(this.client, this.session.id, 'connected');
  }

  /** Waits until every fault of the simulator was used up. */
  async waitForFault(): Promise<void> {
    await waitFor(
      async () => {
        const faults = (await this.stack.simulated.get<{ times?: number }[]>('/faults')).body;
        return faults.every(({ times }) => times === undefined);
      },
      { what: 'the fault to act', deadlineMs: 60_000, pollMs: 5 },
    );
  }

  /** People the session has never written with. */
  async newPeople(count: number): Promise<string[]> {
    const phones = Array.from({ length: count }, newPhone);
    for (const phone of phones) await this.stack.simulated.post('/accounts', { phone, name: 'Somebody' });
    return phones;
  }

  /** Reads the database as its owner, past row-level security. A database that is just back is tried again. */
  async query<T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> {
    for (let attempt = 1; ; attempt += 1) {
      const client = new pg.Client({
        connectionString: this.postgres.url,
        connectionTimeoutMillis: QUERY_TIMEOUT_MS,
        query_timeout: QUERY_TIMEOUT_MS,
      });
      try {
        await client.connect();
        return (await client.query<T>(text, values)).rows;
      } catch (error) {
        if (attempt >= 20) throw error;
        await delay(250);
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  }
}

function planFile(folder: string, part: Part): string {
  return join(folder, `failpoints-${part}`);
}

function startStore(
  folder: string,
  access: { accessKey: string; secretKey: string; bucket: string },
): Promise<RunningObjectStore> {
  const { accessKey, secretKey, bucket } = access;
  return startObjectStore({ dataDir: join(folder, 's3'), accessKey, secretKey, buckets: [bucket] });
}
