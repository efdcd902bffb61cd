import { toWid } from '../ids.js';
import { wa } from '../wa.js';
import type { Shim } from './shim.js';

/**
 * Builds since July 2026 name a message key's text `$1` (wwebjs#201830); the library reads `_serialized`.
 * Gone when a fresh key has `_serialized` by itself.
 */
export function keysAreRenamed(): boolean {
  const Key = wa('WAWebMsgKey');
  const key = new Key({ fromMe: false, remote: toWid('0@c.us'), id: 'WAGATE' });
  return Object.hasOwn(key, '$1') && !Object.hasOwn(key, '_serialized');
}

export const messageKeyShim: Shim = {
  name: 'message-key',
  when: 'early',
  apply() {
    if (!keysAreRenamed()) return false;
    Object.defineProperty(wa('WAWebMsgKey').prototype, '_serialized', {
      configurable: true,
      get(this: { $1?: string }) {
        return this.$1;
      },
    });
    return true;
  },
};
