import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { SESSION_REASONS, SESSION_STATES } from '#contracts';
import type { LinkState } from '../../apps/session-node/src/drivers/driver.js';
import {
  INITIAL_STATUS,
  transition,
  type SessionSignal,
  type SessionStatus,
} from '../../apps/session-node/src/supervisor/session-status.js';

const document = await readFile(new URL('../../docs/sessions.md', import.meta.url), 'utf8');

/** What the first column of the table names: a state, then its reasons; more such after commas. */
function documented(): Set<string> {
  const pairs = new Set<string>();
  for (const [, cell = ''] of document.matchAll(/^\| (`[^|]+) \|/gm)) {
    let state = '';
    for (const [, word = ''] of cell.matchAll(/`(\w+)`/g)) {
      const isReason = SESSION_REASONS.some((known) => known === word);
      if (state === '' || !isReason) state = word;
      else pairs.add(`${state} ${word}`);
    }
  }
  return pairs;
}

const LINKS: LinkState[] = [
  ...(['online', 'offline', 'loading', 'needs_login', 'syncing', 'unlinked', 'conflict'] as const),
  ...(['banned', 'proxy_blocked', 'outdated_client'] as const),
];
const probes = LINKS.flatMap((link) =>
  [true, false].flatMap((proven) =>
    [[], ['WAWebMsgKey']].map((brokenContracts): SessionSignal => ({
      kind: 'probed',
      report: { link, proven, brokenContracts, me: null, waVersion: null, shims: [] },
    })),
  ),
);
const LOSSES = ['probe_failed', 'page_crashed', 'browser_gone', 'start_timeout', 'start_failed'] as const;
const PLAIN = [
  ...(['start_requested', 'launching', 'qr_shown', 'pairing_code_shown', 'unlinked', 'logged_out'] as const),
  ...(['link_expired', 'stop_requested'] as const),
];
const SIGNALS: SessionSignal[] = [
  ...probes,
  ...LOSSES.map((reason): SessionSignal => ({ kind: 'lost', reason })),
  ...PLAIN.map((kind): SessionSignal => ({ kind })),
  { kind: 'refused', detail: 'full' },
  { kind: 'gave_up', detail: 'probe_failed' },
];

/** Every state and reason that a node can come to, whatever happens in whatever order. */
function reachable(): Set<string> {
  const seen = new Map<string, SessionStatus>();
  const open = [INITIAL_STATUS];
  for (let status = open.pop(); status; status = open.pop()) {
    const pair = `${status.state} ${status.reason}`;
    if (seen.has(pair)) continue;
    seen.set(pair, status);
    for (const signal of SIGNALS) open.push(transition(status, signal));
  }
  return new Set(seen.keys());
}

describe('docs/sessions.md', () => {
  it('explains every state and every reason', () => {
    const words = [...documented()].map((pair) => pair.split(' '));
    expect(new Set(words.map(([state]) => state))).toEqual(new Set(SESSION_STATES));
    expect(new Set(words.map(([, reason]) => reason))).toEqual(new Set(SESSION_REASONS));
  });

  it('explains each reason in every state that a node can come to for it', () => {
    const pairs = documented();
    expect([...reachable()].filter((pair) => !pairs.has(pair))).toEqual([]);
  });
});
