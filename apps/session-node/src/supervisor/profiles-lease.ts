import { randomUUID } from 'node:crypto';
import { readlink, rm, stat, utimes } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { AppError } from '#kernel';
import { isAlive } from './browser-tree.js';
import { readJsonFile, writeFileAtomically } from './files.js';
import { findProcess, readBootId } from './process-table.js';

const ownerSchema = z.object({
  pid: z.int(),
  startTime: z.string(),
  bootId: z.string(),
  /** Process ids mean nothing across two of these: two containers on one volume have the same ones. */
  pidNamespace: z.string().default(''),
  holder: z.string().default(''),
});
type Owner = z.infer<typeof ownerSchema>;

export interface LeaseTimes {
  /** Between two signs of life. */
  renewMs: number;
  /** An owner that gave none for so long is dead. */
  lastsMs: number;
}

const TIMES: LeaseTimes = { renewMs: 2_000, lastsMs: 10_000 };

/**
 * One node's claim to a profiles folder: a file that names it, touched every two seconds. An owner whose processes we
 * can see is looked up there; of any other (another container, another machine, before a reboot) the touches are
 * watched, never compared with our clock. Touching needs no room on the disk.
 */
export class ProfilesLease {
  private readonly holder = randomUUID();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly file: string,
    private readonly times: LeaseTimes = TIMES,
  ) {}

  /**
   * Takes the folder, waiting as long as an owner's life is in doubt.
   * @param onLost called once if another node takes it, as one does when this process was frozen for too long
   * @throws AppError `invalid_state` when another living node holds it
   */
  async take(onLost: () => void): Promise<void> {
    const self = await this.describeSelf();
    const owner = await readJsonFile(this.file, ownerSchema);
    if (owner && !isSame(owner, self) && (await this.lives(owner, self))) throw inUse(owner);
    await writeFileAtomically(this.file, JSON.stringify(self));
    this.timer = setInterval(() => void this.renew(onLost), this.times.renewMs);
    this.timer.unref();
  }

  /** Gives it up, unless it is another's by now. */
  async release(): Promise<void> {
    clearInterval(this.timer);
    if (await this.isOurs()) await rm(this.file, { force: true });
  }

  /** A disk that cannot be read or written now is no other node; the next time will tell. */
  private async renew(onLost: () => void): Promise<void> {
    const isOurs = await this.isOurs().catch(() => true);
    if (!isOurs) {
      clearInterval(this.timer);
      onLost();
      return;
    }
    const now = new Date();
    await utimes(this.file, now, now).catch(() => undefined);
  }

  private async isOurs(): Promise<boolean> {
    return (await readJsonFile(this.file, ownerSchema))?.holder === this.holder;
  }

  private async lives(owner: Owner, self: Owner): Promise<boolean> {
    const isVisible = owner.bootId === self.bootId && owner.pidNamespace === self.pidNamespace;
    if (isVisible) return isAlive(owner);
    const before = await this.lastSign();
    const deadline = performance.now() + this.times.lastsMs;
    while (performance.now() < deadline) {
      await delay(Math.min(this.times.renewMs, 500));
      const now = await this.lastSign();
      if (now === undefined) return false;
      if (now !== before) return true;
    }
    return false;
  }

  private async lastSign(): Promise<number | undefined> {
    try {
      return (await stat(this.file)).mtimeMs;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  private async describeSelf(): Promise<Owner> {
    const self = await findProcess(process.pid);
    return {
      pid: process.pid,
      startTime: self?.startTime ?? '',
      bootId: await readBootId(),
      pidNamespace: process.platform === 'linux' ? await readlink('/proc/self/ns/pid') : '',
      holder: this.holder,
    };
  }
}

function isSame(a: Owner, b: Owner): boolean {
  return (
    a.pid === b.pid &&
    a.startTime === b.startTime &&
    a.bootId === b.bootId &&
    a.pidNamespace === b.pidNamespace
  );
}

function inUse(owner: Owner): AppError {
  return new AppError(
    'invalid_state',
    `PROFILES_DIR is in use by another session-node (process ${owner.pid}); give each node its own folder`,
  );
}
