import { downloadMimeTypeShim } from './download-mime-type.js';
import { errorNamesShim } from './error-names.js';
import { lidChatsShim } from './lid-chats.js';
import { mediaModelIdShim } from './media-model-id.js';
import { messageKeyShim } from './message-key.js';
import type { Shim } from './shim.js';
import { warmSyncShim } from './warm-sync.js';

const SHIMS: readonly Shim[] = [
  messageKeyShim,
  warmSyncShim,
  lidChatsShim,
  downloadMimeTypeShim,
  errorNamesShim,
  mediaModelIdShim,
];

const applied = new Map<string, boolean>();

/** Puts the shims of one moment on. Each is applied once per document. */
export function applyShims(when: Shim['when']): void {
  for (const shim of SHIMS) {
    if (shim.when === when && !applied.has(shim.name)) applied.set(shim.name, shim.apply());
  }
}

/** What each shim found; some know only after their first use. */
export function shimReports(): { name: string; state: 'active' | 'not_needed' }[] {
  const laterKnown: Record<string, boolean> = {
    [warmSyncShim.name]: warmSyncShim.missed,
    [lidChatsShim.name]: lidChatsShim.used,
    [errorNamesShim.name]: errorNamesShim.seen,
    [mediaModelIdShim.name]: mediaModelIdShim.seen,
  };
  return SHIMS.map(({ name }) => ({
    name,
    state: applied.get(name) || laterKnown[name] ? 'active' : 'not_needed',
  }));
}
