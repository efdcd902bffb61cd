import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { AppError } from '#kernel';
import { sessionIdSchema } from '#contracts';
import { z } from 'zod';
import { isAlive, killTree, profileOf, type BrowserRecord } from './browser-tree.js';
import { readJsonFile, writeFileAtomically } from './files.js';
import { findProcess, listProcesses, readBootId } from './process-table.js';
import { SessionFolder, TRASH } from './session-folder.js';

const ownerSchema = z.object({ pid: z.int(), startTime: z.string(), bootId: z.string() });

/** The folder that holds every session's folder; one node owns it at a time. */
export class ProfilesDirectory {
  readonly path: string;
  private readonly ownerFile: string;

  constructor(path: string) {
    this.path = resolve(path);
    this.ownerFile = join(this.path, 'node.json');
  }

  /**
   * Takes the folder for this process and clears what a dead node left: browsers on its profiles, the trash.
   * @returns how many processes were killed
   * @throws AppError `invalid_state` when another living node uses the folder
   */
  async take(killTimeoutMs: number): Promise<number> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    const self = await describeSelf();
    await this.assertFree(self);
    await writeFileAtomically(this.ownerFile, JSON.stringify(self));
    const killed = await this.sweepOrphans(killTimeoutMs);
    await rm(join(this.path, TRASH), { recursive: true, force: true, maxRetries: 4 });
    return killed;
  }

  /** Gives the folder up at shutdown, unless it is another's by now. */
  async release(): Promise<void> {
    const owner = await readJsonFile(this.ownerFile, ownerSchema);
    if (owner && isSame(owner, await describeSelf())) await rm(this.ownerFile, { force: true });
  }

  folderOf(sessionId: string): SessionFolder {
    return new SessionFolder(this.path, sessionId);
  }

  /** Sessions that have a folder here. */
  async listSessionIds(): Promise<string[]> {
    const names = await readdir(this.path);
    return names.filter((name) => sessionIdSchema.safeParse(name).success);
  }

  private async assertFree(self: BrowserRecord): Promise<void> {
    const owner = await readJsonFile(this.ownerFile, ownerSchema);
    if (!owner || isSame(owner, self) || !(await isAlive(owner))) return;
    throw new AppError(
      'invalid_state',
      `PROFILES_DIR is in use by another session-node (process ${owner.pid}); give each node its own folder`,
    );
  }

  private async sweepOrphans(killTimeoutMs: number): Promise<number> {
    const table = await listProcesses();
    const held = table
      .map((entry) => profileOf(entry))
      .filter((profile) => profile !== undefined)
      .filter((profile) => resolve(profile).startsWith(this.path + sep));
    let killed = 0;
    for (const profile of new Set(held)) killed += await killTree(profile, undefined, killTimeoutMs);
    for (const id of await this.listSessionIds())
      killed += await this.folderOf(id).killBrowser(killTimeoutMs);
    return killed;
  }
}

async function describeSelf(): Promise<BrowserRecord> {
  const self = await findProcess(process.pid);
  return { pid: process.pid, startTime: self?.startTime ?? '', bootId: await readBootId() };
}

function isSame(a: BrowserRecord, b: BrowserRecord): boolean {
  return a.pid === b.pid && a.startTime === b.startTime && a.bootId === b.bootId;
}
