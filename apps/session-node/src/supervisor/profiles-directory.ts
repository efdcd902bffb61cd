import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { sessionIdSchema } from '#contracts';
import { killTree, profileOf } from './browser-tree.js';
import { listProcesses } from './process-table.js';
import { ProfilesLease, type LeaseTimes } from './profiles-lease.js';
import { SessionFolder, TRASH } from './session-folder.js';

/** The folder that holds every session's folder; one node owns it at a time. */
export class ProfilesDirectory {
  readonly path: string;
  private readonly lease: ProfilesLease;

  constructor(path: string, leaseTimes?: LeaseTimes) {
    this.path = resolve(path);
    this.lease = new ProfilesLease(join(this.path, 'node.json'), leaseTimes);
  }

  /**
   * Takes the folder for this process and clears what a dead node left: browsers on its profiles, the trash.
   * @param onLost called if another node takes the folder: this one must end at once
   * @returns how many processes were killed
   * @throws AppError `invalid_state` when another living node uses the folder
   */
  async take(killTimeoutMs: number, onLost: () => void): Promise<number> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    await this.lease.take(onLost);
    const killed = await this.sweepOrphans(killTimeoutMs);
    await rm(join(this.path, TRASH), { recursive: true, force: true, maxRetries: 4 });
    return killed;
  }

  /** Gives the folder up at shutdown, unless it is another's by now. */
  release(): Promise<void> {
    return this.lease.release();
  }

  folderOf(sessionId: string): SessionFolder {
    return new SessionFolder(this.path, sessionId);
  }

  /** Sessions that have a folder here. */
  async listSessionIds(): Promise<string[]> {
    const names = await readdir(this.path);
    return names.filter((name) => sessionIdSchema.safeParse(name).success);
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
