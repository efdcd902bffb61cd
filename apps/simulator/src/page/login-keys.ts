import type { StoredLogin } from './page-db.js';

const KEYS = 'simulator-keys';
const LOGIN = 'simulator-login';
export const DEVICE_PLATFORM = '1';

/** What the page keeps in localStorage: the keys its QR shows, and its login. */
export class LoginKeys {
  private readonly keys: [string, string, string];

  constructor(private readonly storage: Storage) {
    const kept = storage.getItem(KEYS);
    this.keys = kept === null ? newKeys() : (JSON.parse(kept) as [string, string, string]);
    if (kept === null) storage.setItem(KEYS, JSON.stringify(this.keys));
  }

  get staticKey(): string {
    return this.keys[0];
  }

  get identityKey(): string {
    return this.keys[1];
  }

  get advSecret(): string {
    return this.keys[2];
  }

  /** As they stand in the QR, after the ref. */
  publicKeys(): string[] {
    return [...this.keys, DEVICE_PLATFORM];
  }

  readLogin(): StoredLogin | undefined {
    const kept = this.storage.getItem(LOGIN);
    return kept === null ? undefined : (JSON.parse(kept) as StoredLogin);
  }

  writeLogin(login: StoredLogin): void {
    this.storage.setItem(LOGIN, JSON.stringify(login));
  }

  clear(): void {
    this.storage.clear();
  }
}

function newKeys(): [string, string, string] {
  const key = () => bytesToBase64(crypto.getRandomValues(new Uint8Array(32)));
  return [key(), key(), key()];
}

export function bytesToBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

export function base64ToBytes(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
