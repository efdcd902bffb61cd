import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createDatabase, startObjectStore, startPostgres, type FreshDatabase } from '#embedded';
import { freePort } from '../../support/free-port.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

type Server = Awaited<ReturnType<typeof startPostgres>>;
type Store = Awaited<ReturnType<typeof startObjectStore>>;

/** A Postgres of the run's own, that can be killed in the middle and comes back at the same place. */
export class RestartablePostgres {
  private constructor(
    private readonly folder: string,
    private readonly port: number,
    private server: Server,
  ) {}

  static async start(): Promise<RestartablePostgres> {
    const folder = await temporaryFolder('wagate-faults-pg-');
    const port = await freePort();
    const server = await startPostgres({ dataDir: join(folder, 'postgres'), port, durable: false });
    return new RestartablePostgres(folder, port, server);
  }

  /** Dropping it is left to `stop`: the whole cluster goes. */
  async database(): Promise<FreshDatabase> {
    const made = await createDatabase(this.server.url);
    return { ...made, drop: () => Promise.resolve() };
  }

  /** As `pg_ctl stop -m immediate`: no checkpoint, no good-byes. What was committed is in the log. */
  async crash(): Promise<void> {
    process.kill(this.server.pid, 'SIGQUIT');
    await this.server.exited;
  }

  async restart(): Promise<void> {
    this.server = await startPostgres({
      dataDir: join(this.folder, 'postgres'),
      port: this.port,
      durable: false,
    });
  }

  async stop(): Promise<void> {
    await this.server.stop({ remove: true });
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** An object store of the run's own, that can be away for a while. */
export class RestartableStore {
  private readonly keys = { accessKey: 'wagate', secretKey: randomBytes(20).toString('hex') };

  private constructor(
    private readonly folder: string,
    private server: Store | undefined,
    private port: number,
  ) {}

  static async start(): Promise<RestartableStore> {
    const store = new RestartableStore(await temporaryFolder('wagate-faults-s3-'), undefined, 0);
    await store.comeBack();
    return store;
  }

  /** What api and node need to reach it. */
  get env(): Record<string, string> {
    return {
      S3_ENDPOINT: `http://127.0.0.1:${String(this.port)}`,
      S3_BUCKET: 'media',
      S3_ACCESS_KEY: this.keys.accessKey,
      S3_SECRET_KEY: this.keys.secretKey,
    };
  }

  async goAway(): Promise<void> {
    await this.server?.stop();
    this.server = undefined;
  }

  async comeBack(): Promise<void> {
    this.server ??= await startObjectStore({
      dataDir: this.folder,
      port: this.port,
      buckets: ['media'],
      ...this.keys,
    });
    this.port = this.server.port;
  }

  async stop(): Promise<void> {
    await this.goAway();
    await rm(this.folder, { recursive: true, force: true });
  }
}
