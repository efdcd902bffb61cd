import { pageError } from './errors.js';

/** An address: `<phone>@c.us`, `<lid>@lid`, `<id>@g.us`, `status@broadcast`, `<id>@newsletter`. */
export class Wid {
  readonly server: string;
  readonly user: string;
  readonly _serialized: string;

  constructor(user: string, server: string) {
    this.server = server;
    this.user = user;
    this._serialized = `${user}@${server}`;
  }

  isLid(): boolean {
    return this.server === 'lid';
  }

  isUser(): boolean {
    return this.server === 'c.us' || this.server === 'lid';
  }

  isRegularUser(): boolean {
    return this.isUser();
  }

  isRegularUserPn(): boolean {
    return this.server === 'c.us';
  }

  isGroup(): boolean {
    return this.server === 'g.us';
  }

  isBroadcast(): boolean {
    return this.server === 'broadcast';
  }

  isStatus(): boolean {
    return this._serialized === 'status@broadcast';
  }

  isNewsletter(): boolean {
    return this.server === 'newsletter';
  }

  isBot(): boolean {
    return this.server === 'bot';
  }

  isPSA(): boolean {
    return false;
  }

  equals(other: unknown): boolean {
    return other instanceof Wid && other._serialized === this._serialized;
  }

  toString(): string {
    return this._serialized;
  }

  toJid(): string {
    return this.server === 'c.us' ? `${this.user}@s.whatsapp.net` : this._serialized;
  }
}

/** @throws the page's error for what is no address */
export function createWid(value: unknown): Wid {
  if (value instanceof Wid) return value;
  const text =
    typeof value === 'object' && value !== null && '_serialized' in value ? value._serialized : value;
  const match = typeof text === 'string' ? /^([^@:\s]+)(?::\d+)?@([a-z.]+)$/.exec(text) : null;
  if (match?.[1] === undefined || match[2] === undefined) {
    throw pageError('wid error: invalid wid', { name: 'WidFormatError' });
  }
  return new Wid(match[1], match[2] === 's.whatsapp.net' ? 'c.us' : match[2]);
}
