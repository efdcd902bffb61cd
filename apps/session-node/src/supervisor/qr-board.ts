import type { qrSchema } from '#contracts';
import type { Clock } from '#kernel';
import type { z } from 'zod';

export type ShownQr = z.infer<typeof qrSchema>;

/** WhatsApp Web's own rhythm: the first QR of a page is good for 60 s, later ones for 20 s. */
const FIRST_QR_MS = 60_000;
const NEXT_QR_MS = 20_000;

/** The QR code a session shows now. A secret: it leaves this object only as the answer to who asked for it. */
export class QrBoard {
  private shown: ShownQr | undefined;
  private attempts = 0;
  private readonly waiters = new Set<() => void>();

  constructor(private readonly clock: Clock) {}

  /** The page shows a code. Undefined when it was shown before: the page may tell twice. */
  show(qr: string): ShownQr | undefined {
    if (this.shown?.qr === qr) return undefined;
    this.attempts += 1;
    const goodForMs = this.attempts === 1 ? FIRST_QR_MS : NEXT_QR_MS;
    const expiresAt = new Date(this.clock.now().getTime() + goodForMs).toISOString();
    const shown = { qr, expiresAt, attempt: this.attempts };
    this.shown = shown;
    this.wake();
    return shown;
  }

  /** There is no code (any more), and a new start counts from one. */
  clear(): void {
    this.shown = undefined;
    this.attempts = 0;
    this.wake();
  }

  /** Undefined also when the last one is past its time: a page that is idle makes no next one by itself. */
  get current(): ShownQr | undefined {
    const isGood = this.shown && Date.parse(this.shown.expiresAt) > this.clock.now().getTime();
    return isGood ? this.shown : undefined;
  }

  /** The code, waiting up to `waitMs` for one to be shown; undefined when there is none then. */
  async wait(waitMs: number): Promise<ShownQr | undefined> {
    if (this.current || waitMs === 0) return this.current;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.waiters.delete(done);
        resolve();
      };
      const timer = setTimeout(done, waitMs);
      this.waiters.add(done);
    });
    return this.current;
  }

  private wake(): void {
    for (const go of this.waiters) go();
  }
}
