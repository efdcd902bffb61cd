import { AppError, type Clock } from '#kernel';
import type { Driver } from '../drivers/driver.js';
import { PairingLimit } from './pairing-limit.js';
import { QrBoard } from './qr-board.js';

export type { ShownQr } from './qr-board.js';

/** The two ways a phone is linked to a session: the QR code it shows, and pairing codes, which are limited. */
export class LinkDesk {
  readonly qr: QrBoard;
  private readonly limit: PairingLimit;

  constructor(clock: Clock) {
    this.qr = new QrBoard(clock);
    this.limit = new PairingLimit(clock);
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
