import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SESSION_STATES } from '#contracts';
import type { LinkState, ProbeReport } from '../drivers/driver.js';
import {
  INITIAL_STATUS,
  isResting,
  transition,
  type SessionSignal,
  type SessionStatus,
} from './session-status.js';

function report(link: LinkState, changes: Partial<ProbeReport> = {}): ProbeReport {
  return { link, proven: false, brokenContracts: [], shims: [], waVersion: null, me: null, ...changes };
}

const probed = (link: LinkState, changes: Partial<ProbeReport> = {}): SessionSignal => ({
  kind: 'probed',
  report: report(link, changes),
});

function after(...signals: SessionSignal[]): SessionStatus {
  return signals.reduce(transition, INITIAL_STATUS);
}

const START: SessionSignal[] = [{ kind: 'start_requested' }, { kind: 'launching' }];
const CONNECT: SessionSignal[] = [...START, probed('online', { proven: true })];

const LINKS: LinkState[] = [
  'loading',
  'needs_login',
  'syncing',
  'online',
  'offline',
  'conflict',
  'unlinked',
  'banned',
  'proxy_blocked',
  'outdated_client',
];
const anySignal: fc.Arbitrary<SessionSignal> = fc.oneof(
  fc.constantFrom<SessionSignal>(
    { kind: 'start_requested' },
    { kind: 'launching' },
    { kind: 'qr_shown' },
    { kind: 'pairing_code_shown' },
    { kind: 'login_doubted' },
    { kind: 'lost', reason: 'page_crashed' },
    { kind: 'unlinked' },
    { kind: 'logged_out' },
    { kind: 'link_expired' },
    { kind: 'stop_requested' },
    { kind: 'gave_up', detail: 'probe_failed' },
  ),
  fc
    .record({ link: fc.constantFrom(...LINKS), proven: fc.boolean(), broken: fc.boolean() })
    .map(({ link, proven, broken }) =>
      probed(link, { proven, brokenContracts: broken ? ['WAWebMsgKey'] : [] }),
    ),
);

describe('the state machine of a session', () => {
  it('goes from start over QR and sync to connected', () => {
    expect(after(...START, { kind: 'qr_shown' })).toMatchObject({ state: 'pairing', action: 'scan_qr' });
    expect(after(...START, { kind: 'qr_shown' }, probed('syncing'))).toMatchObject({ state: 'connecting' });
    expect(after(...CONNECT)).toMatchObject({ state: 'connected', reason: 'ready', action: null });
  });

  it('says why it is stopped when there was no room for it, and starts when there is', () => {
    const refused = after({ kind: 'refused', detail: 'no room' });
    expect(refused).toMatchObject({ state: 'stopped', reason: 'start_failed', detail: 'no room' });
    expect(transition(refused, { kind: 'start_requested' })).toMatchObject({ state: 'starting' });
    const expired = after(...START, { kind: 'unlinked' });
    expect(transition(expired, { kind: 'refused', detail: 'no room' })).toBe(expired);
  });

  it('is connected by proof only', () => {
    expect(after(...START, probed('online'))).toMatchObject({ state: 'connecting' });
    fc.assert(
      fc.property(fc.array(anySignal, { maxLength: 30 }), anySignal, (history, last) => {
        const before = after(...history);
        const now = transition(before, last);
        if (before.state === 'connected' || now.state !== 'connected') return;
        expect(last).toMatchObject({ kind: 'probed', report: { link: 'online', proven: true } });
      }),
      { numRuns: 2_000 },
    );
  });

  it('leaves a resting state by a request only', () => {
    fc.assert(
      fc.property(fc.array(anySignal, { maxLength: 30 }), anySignal, (history, last) => {
        const before = after(...history);
        if (
          !isResting(before.state) ||
          ['start_requested', 'stop_requested', 'logged_out'].includes(last.kind)
        )
          return;
        expect(transition(before, last)).toBe(before);
      }),
      { numRuns: 2_000 },
    );
  });

  it('always is in a known state, and says nothing new when nothing changed', () => {
    fc.assert(
      fc.property(fc.array(anySignal, { maxLength: 30 }), anySignal, (history, last) => {
        const now = transition(after(...history), last);
        expect(SESSION_STATES).toContain(now.state);
        expect(transition(now, last)).toBe(now);
      }),
    );
  });

  it('keeps the reason of an interruption until the login is proven again', () => {
    const lost = after(...CONNECT, { kind: 'lost', reason: 'page_crashed' });
    expect(lost).toMatchObject({ state: 'interrupted', reason: 'page_crashed' });
    expect(transition(lost, { kind: 'launching' })).toBe(lost);
    expect(transition(lost, probed('online', { proven: true }))).toMatchObject({ state: 'connected' });
  });

  it.each([
    [probed('banned'), { state: 'failed', reason: 'banned' }],
    [probed('conflict'), { state: 'interrupted', reason: 'conflict', action: 'restart' }],
    [probed('proxy_blocked'), { state: 'interrupted', reason: 'proxy_blocked' }],
    [probed('outdated_client'), { state: 'failed', reason: 'outdated_client' }],
    [{ kind: 'login_doubted' } as const, { state: 'interrupted', reason: 'network', action: null }],
    [probed('unlinked'), { state: 'interrupted', reason: 'network', action: null }],
    [{ kind: 'unlinked' } as const, { state: 'logged_out', reason: 'unlinked', action: 'relink' }],
    [probed('offline'), { state: 'interrupted', reason: 'network' }],
    [
      probed('online', { proven: true, brokenContracts: ['WAWebMsgKey.newId'] }),
      { state: 'connected', reason: 'contract_broken', detail: 'contract_broken(WAWebMsgKey.newId)' },
    ],
    [
      { kind: 'gave_up', detail: 'probe_failed' } as const,
      { state: 'failed', reason: 'restart_budget_spent' },
    ],
  ])('names what happened to a connected session: %o', (signal, expected) => {
    expect(after(...CONNECT, signal)).toMatchObject(expected);
  });
});
