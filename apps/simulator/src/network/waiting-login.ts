import { randomBytes, randomInt } from 'node:crypto';
import type { PageConnection } from './linked-login.js';

export interface QrTiming {
  firstMs: number;
  nextMs: number;
}

const PAIRING_LETTERS = '123456789ABCDEFGHJKLMNPQRSTVWXYZ';

/** A page that shows a QR: its ref rotates until somebody scans it, pairs it by code, or the page goes. */
export class WaitingLogin {
  ref = newRef();
  expiresAt: number;
  pairing: { code: string; phone: string } | undefined;
  private timer: NodeJS.Timeout;

  constructor(
    readonly connection: PageConnection,
    /** Static key, identity key, ADV secret and platform, as the QR carries them. */
    readonly publicKeys: string[],
    private readonly timing: QrTiming,
    /** True when the page shall stop showing QRs instead of getting the next one. */
    private readonly goesIdle: () => boolean,
  ) {
    this.expiresAt = Date.now() + timing.firstMs;
    this.timer = setTimeout(() => this.expire(), timing.firstMs);
    connection.send({ t: 'ref', ref: this.ref });
  }

  /** Exactly what whatsapp-web.js reports in its `qr` event. */
  get qr(): string {
    return [this.ref, ...this.publicKeys].join(',');
  }

  rotate(): void {
    clearTimeout(this.timer);
    this.ref = newRef();
    this.expiresAt = Date.now() + this.timing.nextMs;
    this.timer = setTimeout(() => this.expire(), this.timing.nextMs);
    this.connection.send({ t: 'ref', ref: this.ref });
  }

  private expire(): void {
    if (!this.goesIdle()) {
      this.rotate();
      return;
    }
    this.ref = newRef();
    this.connection.send({ t: 'qrIdle' });
  }

  startPairing(phone: string): string {
    const code = Array.from({ length: 8 }, () => PAIRING_LETTERS[randomInt(PAIRING_LETTERS.length)]).join('');
    this.pairing = { code, phone };
    return code;
  }

  end(): void {
    clearTimeout(this.timer);
  }
}

function newRef(): string {
  return `2@${randomBytes(48).toString('base64')}`;
}
