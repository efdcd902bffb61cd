import { describe, expect, it } from 'vitest';
import { SESSION_REASONS, SESSION_STATES, type SessionReason, type SessionState } from '#contracts';
import { adviceForSession } from './session-advice.js';

/** What keeps a session from sending, each state and reason as they come together, and who has to do what. */
const TABLE: [reason: SessionReason, state: SessionState, advice: RegExp][] = [
  ['created', 'stopped', /^Start the session\.$/],
  ['requested', 'stopped', /^Start the session\.$/],
  ['requested', 'starting', /^Wait/],
  ['launching', 'starting', /^Wait: it comes back by itself\.$/],
  ['waiting_for_slot', 'starting', /^Wait: it comes back by itself\.$/],
  ['scan_qr', 'pairing', /^Scan the QR code/],
  ['pairing_code', 'pairing', /^Enter the pairing code on the phone/],
  ['link_expired', 'stopped', /^Start .+ scan its QR code/],
  ['syncing', 'connecting', /^Wait: it comes back by itself\.$/],
  ['ready', 'connected', /^Wait: it comes back by itself\.$/],
  ['probe_failed', 'interrupted', /^Wait: .+ tell the operator/],
  ['page_crashed', 'interrupted', /^Wait: .+ tell the operator/],
  ['browser_gone', 'interrupted', /^Wait: .+ tell the operator/],
  ['start_timeout', 'interrupted', /^Wait: .+ tell the operator/],
  ['start_failed', 'interrupted', /^Wait: .+ tell the operator/],
  ['start_failed', 'stopped', /^Tell the operator: its node has no place/],
  ['network', 'interrupted', /^Wait: .+ tell the operator/],
  ['node_lost', 'interrupted', /^Tell the operator: .+ node .+ brought back/],
  ['node_lost', 'stopped', /^Start the session\.$/],
  ['node_lost', 'logged_out', /link the phone again/],
  ['conflict', 'interrupted', /another browser, then restart/],
  ['unlinked', 'logged_out', /link the phone again/],
  ['logged_out', 'logged_out', /link the phone again/],
  ['banned', 'failed', /^Look at the phone/],
  ['proxy_blocked', 'interrupted', /^Tell the operator: WhatsApp refuses the address/],
  ['outdated_client', 'failed', /^Restart .+ tell the operator: a newer version/],
  ['contract_broken', 'connected', /^Tell the operator: a newer version/],
  ['contract_broken', 'interrupted', /^Tell the operator: a newer version/],
  ['restart_budget_spent', 'failed', /^Restart the session, or wait: it tries again within the hour/],
];

/** Of these nothing comes back by itself, so nobody is to wait for it. */
const NEVER_BY_ITSELF: SessionReason[] = ['contract_broken', 'node_lost', 'proxy_blocked', 'banned'];

describe('what to do about a session', () => {
  it.each(TABLE)('is told for %s (%s)', (reason, state, advice) => {
    expect(adviceForSession({ reason, state, action: null })).toMatch(advice);
  });

  it('has a row above for every reason', () => {
    const reasons = TABLE.map(([reason]) => reason);
    expect(SESSION_REASONS.filter((reason) => !reasons.includes(reason))).toEqual([]);
  });

  it.each(NEVER_BY_ITSELF)('is never just to wait for %s', (reason) => {
    for (const state of SESSION_STATES) {
      if (state === 'starting' || state === 'connecting') continue;
      expect(adviceForSession({ reason, state, action: null })).not.toMatch(/^Wait/);
    }
  });

  it('is to look at the phone when that is what its session says', () => {
    expect(adviceForSession({ state: 'interrupted', reason: 'network', action: 'open_phone' })).toMatch(
      /^Open WhatsApp on the phone/,
    );
  });
});
