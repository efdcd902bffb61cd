import { setTimeout as delay } from 'node:timers/promises';
import { startPostgres, type RunningPostgres } from '#embedded';
import { report } from './report.js';

const DATABASE = 'wagate';
const RESTART_WAIT_MS = 1_000;

/** The embedded Postgres, started again on its port when it ends by itself. */
export class EmbeddedDatabase {
  private isStopping = false;
  private restarting: Promise<void> = Promise.resolve();

  private constructor(
    private readonly dataDir: string,
    private server: RunningPostgres,
  ) {
    this.watch();
  }

  static async start(dataDir: string, port: number): Promise<EmbeddedDatabase> {
    const server = await startPostgres({ dataDir, port, database: DATABASE });
    if (!server.cluster.startsWith(dataDir)) {
      report(`the database lies in ${server.cluster}: the account it runs as may not enter this folder`);
    }
    return new EmbeddedDatabase(dataDir, server);
  }

  /** The superuser's. */
  get url(): string {
    return this.server.url;
  }

  /** The same database for another role. */
  urlFor(role: string, password: string): string {
    const url = new URL(this.url);
    url.username = role;
    url.password = password;
    return url.href;
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await this.restarting;
    await this.server.stop();
  }

  private watch(): void {
    void this.server.exited.then(() => {
      if (!this.isStopping) this.restarting = this.restart();
    });
  }

  private async restart(): Promise<void> {
    while (!this.isStopping) {
      report('Postgres ended by itself; starting it again');
      await delay(RESTART_WAIT_MS);
      try {
        await this.server.stop();
        this.server = await startPostgres({
          dataDir: this.dataDir,
          port: this.server.port,
          database: DATABASE,
        });
        return this.watch();
      } catch (error) {
        report(`Postgres did not start: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}
