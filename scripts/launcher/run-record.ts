import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { findProcess, isProcessAlive, stopProcess, type ProcessIdentity, type StopStep } from '#embedded';
import { report } from './report.js';

/** A part that lost its launcher still gets the time to close what it has open. */
const LEFT_OVER_STOP: readonly StopStep[] = [
  { signal: 'SIGTERM', graceMs: 15_000 },
  { signal: 'SIGKILL', graceMs: 5_000, group: true },
];

interface RunState {
  launcher: ProcessIdentity;
  /** Of the api; told to whoever starts a second time. */
  url?: string;
  parts: Record<string, ProcessIdentity>;
}

/** Another launcher runs in this folder. */
export class AlreadyRunningError extends Error {
  constructor(pid: number, url: string | undefined) {
    super(`already running in this folder (process ${pid}${url ? `, ${url}` : ''}); stop it first`);
  }
}

/**
 * Who runs in this folder: the launcher and its parts, by process number and start time, in one file. It outlives a
 * `kill -9`, so that the next start can end what was left behind, and nothing else.
 */
export class RunRecord {
  private state: RunState;
  private saving: Promise<void> = Promise.resolve();

  private constructor(private readonly file: string) {
    const launcher = findProcess(process.pid);
    if (!launcher) throw new Error('this process cannot be found in the process table');
    this.state = { launcher, parts: {} };
  }

  /**
   * Claims the folder for this process and ends the parts of a launcher that is gone.
   * @throws AlreadyRunningError when a launcher is alive
   */
  static async claim(file: string): Promise<RunRecord> {
    await mkdir(dirname(file), { recursive: true });
    const record = new RunRecord(file);
    while (!(await record.create())) {
      const last = await readState(file);
      if (last && isProcessAlive(last.launcher)) throw new AlreadyRunningError(last.launcher.pid, last.url);
      await endLeftOvers(last?.parts ?? {});
      await rm(file, { force: true });
    }
    return record;
  }

  setUrl(url: string): Promise<void> {
    this.state.url = url;
    return this.save();
  }

  /** Called with each new process of a part. */
  setPart(name: string, pid: number): Promise<void> {
    const identity = findProcess(pid);
    if (identity) this.state.parts[name] = identity;
    return this.save();
  }

  async release(): Promise<void> {
    await this.saving;
    await rm(this.file, { force: true });
  }

  /** Made whole under another name first: who finds the file finds all of it. @returns false when it is there already */
  private async create(): Promise<boolean> {
    const draft = `${this.file}.${process.pid}`;
    await writeFile(draft, JSON.stringify(this.state), { mode: 0o600 });
    try {
      await link(draft, this.file);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    } finally {
      await rm(draft, { force: true });
    }
  }

  private save(): Promise<void> {
    this.saving = this.saving.then(async () => {
      await writeFile(`${this.file}.new`, JSON.stringify(this.state), { mode: 0o600 });
      await rename(`${this.file}.new`, this.file);
    });
    return this.saving;
  }
}

async function readState(file: string): Promise<RunState | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as RunState;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined; // released this moment
    throw error;
  }
}

async function endLeftOvers(parts: Record<string, ProcessIdentity>): Promise<void> {
  const alive = Object.entries(parts).filter(([, identity]) => isProcessAlive(identity));
  if (alive.length === 0) return;
  report(`ending what an earlier start left behind: ${alive.map(([name]) => name).join(', ')}`);
  await Promise.all(alive.map(([, identity]) => stopProcess(identity, LEFT_OVER_STOP)));
}
