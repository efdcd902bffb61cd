import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createDatabase, startPostgres, type FreshDatabase, type RunningPostgres } from '#embedded';

/** One line of a bench's result. Without a baseline it stands for itself. */
export interface Figure {
  what: string;
  unit: string;
  wagate: number;
  baseline?: number;
  /** What the baseline is; the bench's own when left out. */
  beside?: string;
  /** In words, for the reader: `≥ 60 %`. */
  aim?: string;
}

/** Where benches keep their data: on the disk of the checkout, since /tmp may be memory, where fsync costs nothing. */
const FOLDER = '.wagate/bench';

/** One bench while it runs: what it started (and ends again, whatever happens), and what it found. */
export class BenchRun {
  readonly figures: Figure[] = [];
  readonly notes: string[] = [];
  private readonly closers: { what: string; close: () => Promise<unknown> }[] = [];

  constructor(readonly name: string) {}

  /** Registers what ends something that was started; the last started ends first. */
  defer(what: string, close: () => Promise<unknown>): void {
    this.closers.push({ what, close });
  }

  /** Ends everything; a closer that fails does not keep the others from running. */
  async close(): Promise<void> {
    for (let next = this.closers.pop(); next; next = this.closers.pop()) {
      await next.close().catch((error: unknown) => {
        this.log(`could not end ${next?.what ?? ''}: ${String(error)}`);
      });
    }
  }

  add(figure: Figure): void {
    this.figures.push(figure);
  }

  note(text: string): void {
    this.notes.push(text);
  }

  /** Progress, to stderr: stdout is for results. */
  log(text: string): void {
    process.stderr.write(`${this.name}: ${text} (load ${loadavg()[0]?.toFixed(1) ?? '?'})\n`);
  }

  async folder(): Promise<string> {
    await mkdir(FOLDER, { recursive: true });
    const path = await mkdtemp(join(FOLDER, `${this.name}-`));
    this.defer('its folder', () => rm(path, { recursive: true, force: true }));
    return path;
  }

  /**
   * A Postgres as in production: fsync and synchronous_commit on.
   * @param keptIn folder whose data is used when it is there, and stays; left out, it is of this run alone
   * @param sharedBuffers memory for its pages; what Postgres takes by itself unless told
   */
  async postgres({ keptIn, sharedBuffers }: { keptIn?: string; sharedBuffers?: string } = {}) {
    const folder = keptIn ?? (await this.folder());
    const dataDir = join(folder, 'postgres');
    const server = await startPostgres({
      dataDir,
      durable: true,
      ...(sharedBuffers ? { sharedBuffers } : {}),
    });
    this.defer('Postgres', () => server.stop({ remove: keptIn === undefined }));
    return server;
  }

  async database(server: RunningPostgres): Promise<FreshDatabase> {
    const database = await createDatabase(server.url);
    this.defer('its database', () => database.drop());
    return database;
  }

  /** Lets what was just started come to rest. A measured wait, not a condition: nothing tells when a heap settled. */
  async settle(seconds: number, what: string): Promise<void> {
    this.log(`${what}: ${String(seconds)} s`);
    await delay(seconds * 1000);
  }
}
