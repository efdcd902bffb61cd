import type { LinkState, ProbeReport } from '../driver.js';
import type { RawProbe } from './page/agent-api.js';

/** WhatsApp Web's socket states (library: WAState) that mean more than "not connected". */
const FINAL_STATES: Readonly<Record<string, LinkState>> = {
  CONFLICT: 'conflict',
  TOS_BLOCK: 'banned',
  SMB_TOS_BLOCK: 'banned',
  PROXYBLOCK: 'proxy_blocked',
  DEPRECATED_VERSION: 'outdated_client',
  UNPAIRED: 'needs_login',
  UNPAIRED_IDLE: 'needs_login',
};

/**
 * Where WhatsApp Web goes by itself after a logout, when it has cleared its stores. whatsapp-web.js (1.34.7, handler of
 * `framenavigated`) takes it for the end of the login too, and would delete the profile at once.
 */
const LOGGED_OUT = /^https:\/\/web\.whatsapp\.com\/[^#]*[?&]post_logout=1(?:[&#]|$)/;

/** Whether the page stands where it goes after a logout. @param url of the main frame */
export function isLoggedOutAddress(url: string): boolean {
  return LOGGED_OUT.test(url);
}

/** Says what a probe of the page means. `wasOnline`: this page was online before. */
export function reportOf(raw: RawProbe, wasOnline: boolean): ProbeReport {
  const link = linkOf(raw, wasOnline);
  return {
    link,
    proven: link === 'online' && raw.hasUtils && raw.listenerSets === 1,
    brokenContracts: raw.broken,
    shims: raw.shims,
    waVersion: raw.waVersion,
    me: raw.me,
  };
}

function linkOf(raw: RawProbe, wasOnline: boolean): LinkState {
  const final = FINAL_STATES[raw.socketState ?? ''];
  if (final === 'needs_login' && wasOnline) return 'unlinked';
  if (final) return final;
  if (raw.socketState === 'CONNECTED') {
    return raw.hasSynced || raw.streamMode === 'MAIN' ? 'online' : 'syncing';
  }
  if (raw.socketState === 'PAIRING') return 'syncing';
  return wasOnline ? 'offline' : 'loading';
}
