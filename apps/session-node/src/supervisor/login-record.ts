import type { SessionAddress } from '#contracts';
import { AppError } from '#kernel';
import type { Logger } from 'pino';
import type { SessionFolder, SessionRecord } from './session-folder.js';

/**
 * Whether a command with this address may work on a session that is known by another.
 * @throws AppError `stale_epoch` when a higher epoch was seen, also by an earlier process on this profile;
 * `not_found` when the session is another tenant's
 */
export function assertMayTakeOver(
  address: SessionAddress,
  current: SessionAddress,
  record: SessionRecord | undefined,
): void {
  if ((record ?? current).tenantId !== address.tenantId)
    throw new AppError('not_found', 'No such session', { outcome: 'not_sent' });
  if (address.epoch < Math.max(current.epoch, record?.epoch ?? 0))
    throw new AppError('stale_epoch', 'A later epoch owns this session', { outcome: 'not_sent' });
}

/** What a session's folder remembers of its login. Read once; a read that failed is tried again. */
export class LoginRecord {
  /** True once the profile was proven connected. */
  linked = false;
  private reading: Promise<SessionRecord | undefined> | undefined;

  private deletionIsDue = false;

  constructor(
    private readonly folder: SessionFolder,
    private readonly log: Logger,
  ) {}

  /** The record as it was when this process first met the session. */
  read(): Promise<SessionRecord | undefined> {
    this.reading ??= this.folder.readRecord().then(
      (record) => {
        this.linked = record?.linked ?? false;
        return record;
      },
      (error: unknown) => {
        this.reading = undefined;
        throw error;
      },
    );
    return this.reading;
  }

  /** Ready for a start: what a login left that could not be deleted is deleted first. */
  async prepare(address: SessionAddress, killTimeoutMs: number): Promise<void> {
    if (this.deletionIsDue) await this.forget(address, killTimeoutMs);
    else await this.save(address);
  }

  /** The profile was proven connected. */
  prove(address: SessionAddress): void {
    if (this.linked) return;
    this.linked = true;
    this.save(address).catch((error: unknown) => {
      this.log.error({ err: error }, 'the session record was not saved');
    });
  }

  /** The login is gone: deletes the folder with all its processes. What fails is made up for by {@link prepare}. */
  async forget(address: SessionAddress, killTimeoutMs: number): Promise<void> {
    this.linked = false;
    this.deletionIsDue = true;
    await this.folder.killBrowser(killTimeoutMs);
    await this.folder.remove();
    await this.save(address);
    this.deletionIsDue = false;
  }

  private async save({ tenantId, epoch }: SessionAddress): Promise<void> {
    await this.folder.writeRecord({ tenantId, epoch, linked: this.linked });
  }
}
