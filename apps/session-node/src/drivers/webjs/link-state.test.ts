import { describe, expect, it } from 'vitest';
import { isLoggedOutAddress, reportOf } from './link-state.js';
import type { RawProbe } from './page/agent-api.js';

const READY: RawProbe = {
  socketState: 'CONNECTED',
  hasSynced: true,
  streamMode: 'MAIN',
  listenerSets: 1,
  hasUtils: true,
  waVersion: '2.3000.1',
  broken: [],
  shims: [],
  me: null,
};

describe('what a probe proves', () => {
  it('is a connection only with socket, sync, helpers and exactly one set of listeners', () => {
    expect(reportOf(READY, false)).toMatchObject({ link: 'online', proven: true });
    for (const lack of [
      { socketState: 'OPENING' },
      { hasSynced: false, streamMode: 'SYNCING' },
      { listenerSets: 0 },
      { listenerSets: 2 },
      { hasUtils: false },
    ]) {
      expect(reportOf({ ...READY, ...lack }, false).proven).toBe(false);
    }
  });

  it.each([
    ['UNPAIRED', false, 'needs_login'],
    ['UNPAIRED', true, 'unlinked'],
    ['OPENING', false, 'loading'],
    ['OPENING', true, 'offline'],
    ['TIMEOUT', true, 'offline'],
    ['PAIRING', false, 'syncing'],
    ['CONFLICT', true, 'conflict'],
    ['TOS_BLOCK', true, 'banned'],
    ['SMB_TOS_BLOCK', true, 'banned'],
    ['PROXYBLOCK', true, 'proxy_blocked'],
    ['DEPRECATED_VERSION', true, 'outdated_client'],
  ])('%s (online before: %s) means %s', (socketState, wasOnline, link) => {
    expect(reportOf({ ...READY, socketState }, wasOnline).link).toBe(link);
  });
});

describe('the address of a page', () => {
  it.each([
    ['https://web.whatsapp.com/?post_logout=1&logout_reason=0', true],
    ['https://web.whatsapp.com/?lang=de&post_logout=1', true],
    ['https://web.whatsapp.com/', false],
    ['https://web.whatsapp.com/?post_logout=10', false],
    ['https://web.whatsapp.com/#?post_logout=1', false],
    ['https://elsewhere.example/?post_logout=1', false],
    ['about:blank', false],
    ['', false],
  ])('%s means logged out: %s', (url, expected) => {
    expect(isLoggedOutAddress(url)).toBe(expected);
  });
});
