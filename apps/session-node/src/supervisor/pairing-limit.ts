import { AppError, type Clock } from '#kernel';

const WINDOW_MS = 600_000;
const MAX_CODES = 3;

/** WhatsApp blocks numbers that ask for too many pairing codes, so a session asks for three in ten minutes at most. */
export class PairingLimit {
  private readonly asked = new Map<string, number[]>();

  constructor(private readonly clock: Clock) {}

  /** @throws AppError `pairing_limit_reached` */
  take(phone: string): void {
    const now = this.clock.monotonicMs();
    const recent = (this.asked.get(phone) ?? []).filter((at) => at > now - WINDOW_MS);
    const oldest = recent[0];
    if (recent.length >= MAX_CODES && oldest !== undefined) {
      throw new AppError(
        'pairing_limit_reached',
        'Three pairing codes in ten minutes are the limit per number',
        {
          retryAfterSeconds: Math.ceil((oldest + WINDOW_MS - now) / 1000),
        },
      );
    }
    this.asked.set(phone, [...recent, now]);
  }
}
