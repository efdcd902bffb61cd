import { page, wa } from '../wa.js';
import type { Shim } from './shim.js';

/**
 * The library listens for the change of `hasSynced` and never reads it; on a warm start the sync is over before it
 * listens, and it never becomes ready (wwebjs#5758). Tells the library what it missed. Harmless when it was told
 * already: it then finds its helpers in the page. Gone when the library reads the value itself.
 */
export function announceMissedSync(): boolean {
  const { Socket } = wa('WAWebSocketModel');
  if (Socket.hasSynced !== true || page.WWebJS || !page.onAppStateHasSyncedEvent) return false;
  void page.onAppStateHasSyncedEvent();
  warmSyncShim.missed = true;
  return true;
}

export const warmSyncShim: Shim & { missed: boolean } = {
  name: 'warm-sync',
  when: 'early',
  missed: false,
  apply() {
    return this.missed;
  },
};
