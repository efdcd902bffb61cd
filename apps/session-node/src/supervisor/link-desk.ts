import { AppError, type Clock } from '#kernel';
import type { Driver } from '../drivers/driver.js';
import { PairingLimit } from './pairing-limit.js';
import { QrBoard, type ShownQr } from './qr-board.js';

export type { ShownQr } from './qr-board.js';

/** The two ways a phone is linked to a session: the QR code it shows, and pairing codes, which are limited. */
export class LinkDesk {
  readonly qr: QrBoard;
  private readonly limit: PairingLimit;

  /** @param onNewQr told of every new code, without the code itself */
  constructor(
    clock: Clock,
    private readonly onNewQr: (qr: Omit<ShownQr, 'qr'>) => void,
  ) {
    this.qr = new QrBoard(clock);
    this.limit = new PairingLimit(clock);
  }

  /** Takes a code that the page shows. @returns true when it is the first of this start */
  showQr(qr: string): boolean {
    const shown = this.qr.show(qr);
    if (!shown) return false;
    const { attempt, expiresAt } = shown;
    this.onNewQr({ attempt, expiresAt });
    return attempt === 1;
  }

  /**
   * @param driver of a session that waits to be linked, else undefined
   * @throws AppError `qr_not_available`, `pairing_limit_reached`
   */
  async requestCode(driver: Driver | undefined, phone: string): Promise<string> {
    if (!driver) throw new AppError('qr_not_available', 'The session is not waiting to be linked');
    this.limit.take(phone);
    return driver.requestPairingCode(phone);
  }
}
