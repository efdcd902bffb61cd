import { mkdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { sessionIdSchema } from '#contracts';
import { AppError } from '#kernel';
import { z } from 'zod';
import { findTree, killTree, type BrowserRecord } from './browser-tree.js';
import { readJsonFile, writeFileAtomically } from './files.js';
import { cutTornRecords } from './leveldb-logs.js';
import { Quarantine } from './quarantine.js';

/** Folder below the profiles folder that deleted profiles go through. */
export const TRASH = 'trash';
const LOCKS = ['SingletonLock', 'SingletonCookie', 'SingletonSocket'];

const browserRecordSchema = z.object({ pid: z.int(), startTime: z.string(), bootId: z.string() });

/** What a node remembers of a session across its own restarts. */
const sessionRecordSchema = z.object({
  tenantId: z.string(),
  /** Highest epoch seen. */
  epoch: z.int(),
  /** True once this profile was proven connected: then a QR means that the phone removed the login. */
  linked: z.boolean(),
});
export type SessionRecord = z.infer<typeof sessionRecordSchema>;

/**
 * A session's folder on disk: `<profiles>/<session id>/` with the browser profile, the inbound cursor and what the
 * node has to remember. Nobody else names paths in it. Lock files and profiles are only touched when no process
 * holds the profile.
 */
export class SessionFolder {
  readonly root: string;
  /** Chromium's user data folder; the name is that of whatsapp-web.js' LocalAuth. */
  readonly profile: string;
  readonly cursor: string;
  private readonly browserRecord: string;
  private readonly sessionRecord: string;
  private readonly quarantine: string;

  constructor(
    private readonly profilesDirectory: string,
    readonly sessionId: string,
  ) {
    if (!sessionIdSchema.safeParse(sessionId).success) {
      throw new AppError('invalid_request', 'sessionId must be an id that starts with ses_');
    }
    this.root = join(resolve(profilesDirectory), sessionId);
    this.profile = join(this.root, `session-${sessionId}`);
    this.cursor = join(this.root, 'cursor.json');
    this.browserRecord = join(this.root, 'browser.json');
    this.sessionRecord = join(this.root, 'session.json');
    this.quarantine = join(this.root, 'quarantine.jsonl');
  }

  /** Makes the folder, 0700. */
  async create(): Promise<void> {
    await mkdir(this.root, { recursive: true, mode: 0o700 });
    await mkdir(this.profile, { recursive: true, mode: 0o700 });
  }

  /**
   * Frees the profile for a new browser: kills what still holds it, then removes Chromium's stale locks and what it
   * left half written. Resolves with the bytes of the latter.
   */
  async claim(killTimeoutMs: number): Promise<number> {
    await this.create();
    await this.killBrowser(killTimeoutMs);
    await Promise.all(LOCKS.map((name) => rm(join(this.profile, name), { force: true })));
    return cutTornRecords(this.profile);
  }

  /** Kills every process of this profile and forgets the record; resolves when none is left. */
  async killBrowser(timeoutMs: number): Promise<number> {
    const killed = await killTree(this.profile, await this.readBrowserRecord(), timeoutMs);
    await rm(this.browserRecord, { force: true });
    return killed;
  }

  async writeBrowserRecord(record: BrowserRecord): Promise<void> {
    await writeFileAtomically(this.browserRecord, JSON.stringify(record));
  }

  readBrowserRecord(): Promise<BrowserRecord | undefined> {
    return readJsonFile(this.browserRecord, browserRecordSchema);
  }

  readRecord(): Promise<SessionRecord | undefined> {
    return readJsonFile(this.sessionRecord, sessionRecordSchema);
  }

  async writeRecord(record: SessionRecord): Promise<void> {
    await mkdir(this.root, { recursive: true, mode: 0o700 });
    await writeFileAtomically(this.sessionRecord, JSON.stringify(record));
  }

  /** What could not be reported of this session; counted from `now` on when nothing is there. */
  openQuarantine(now: Date): Promise<Quarantine> {
    return Quarantine.load(this.quarantine, join(this.root, 'quarantine.json'), now);
  }

  /**
   * Deletes the folder: renamed into the trash first, so that a half-deleted profile can never be started.
   * @throws AppError `internal` while a process still holds the profile
   */
  async remove(): Promise<void> {
    const holders = await findTree(this.profile, await this.readBrowserRecord());
    if (holders.length > 0) throw new AppError('internal', 'a browser still holds the profile');
    const trash = join(resolve(this.profilesDirectory), TRASH);
    await mkdir(trash, { recursive: true, mode: 0o700 });
    const grave = join(trash, `${this.sessionId}-${Date.now()}-${process.pid}`);
    try {
      await rename(this.root, grave);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    await rm(grave, { recursive: true, force: true, maxRetries: 4 });
  }
}
