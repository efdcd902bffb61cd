import type { SessionAction, SessionReason, SessionState } from '#contracts';
import type { ProbeReport } from '../drivers/driver.js';

/** Where a session stands: the part of its snapshot that the state machine decides. */
export interface SessionStatus {
  state: SessionState;
  reason: SessionReason;
  action: SessionAction | null;
  detail: string | null;
}

/** Why a run ended although nobody asked for it, or why it rests. */
export type LossReason = Extract<
  SessionReason,
  'probe_failed' | 'page_crashed' | 'browser_gone' | 'start_timeout' | 'start_failed'
>;

export type SessionSignal =
  | { kind: 'start_requested' }
  | { kind: 'launching' }
  | { kind: 'qr_shown' }
  | { kind: 'pairing_code_shown' }
  | { kind: 'probed'; report: ProbeReport }
  /** Something says that the login may be gone; the next probe tells. */
  | { kind: 'login_doubted' }
  | { kind: 'lost'; reason: LossReason }
  | { kind: 'unlinked' }
  | { kind: 'logged_out' }
  | { kind: 'link_expired' }
  | { kind: 'stop_requested' }
  | { kind: 'refused'; detail: string }
  | { kind: 'gave_up'; detail: string };

export const INITIAL_STATUS: SessionStatus = {
  state: 'stopped',
  reason: 'created',
  action: 'start',
  detail: null,
};

/** States in which no browser runs, and that only a new start leaves. */
export function isResting(state: SessionState): boolean {
  return state === 'stopped' || state === 'logged_out' || state === 'failed';
}

function status(
  state: SessionState,
  reason: SessionReason,
  action: SessionAction | null = null,
  detail: string | null = null,
): SessionStatus {
  return { state, reason, action, detail };
}

/**
 * The state machine of a session, pure: the status after a signal. A resting session (stopped, logged out, failed)
 * ignores what a dying browser still says. Returns the same object when nothing changed.
 */
export function transition(current: SessionStatus, signal: SessionSignal): SessionStatus {
  const next = isResting(current.state) ? fromRest(current, signal) : fromActive(current, signal);
  return sameStatus(current, next) ? current : next;
}

function sameStatus(a: SessionStatus, b: SessionStatus): boolean {
  return a.state === b.state && a.reason === b.reason && a.action === b.action && a.detail === b.detail;
}

function fromRest(current: SessionStatus, signal: SessionSignal): SessionStatus {
  switch (signal.kind) {
    case 'start_requested':
      return status('starting', 'waiting_for_slot');
    case 'stop_requested':
      return current.state === 'logged_out' ? current : status('stopped', 'requested', 'start');
    case 'logged_out':
      return status('logged_out', 'logged_out', 'relink');
    case 'refused':
      return current.state === 'stopped'
        ? status('stopped', 'start_failed', 'start', signal.detail)
        : current;
    default:
      return current;
  }
}

function fromActive(current: SessionStatus, signal: SessionSignal): SessionStatus {
  switch (signal.kind) {
    case 'start_requested':
    case 'refused':
      return current;
    case 'launching':
      // After a loss the reason of the interruption stays visible until the login is proven again.
      return current.state === 'interrupted' ? current : status('starting', 'launching');
    case 'qr_shown':
      return current.reason === 'pairing_code' ? current : status('pairing', 'scan_qr', 'scan_qr');
    case 'pairing_code_shown':
      // The phone may have been linked while the code was asked for.
      return current.state === 'pairing' ? status('pairing', 'pairing_code', 'open_phone') : current;
    case 'probed':
      return afterProbe(current, signal.report);
    case 'login_doubted':
      return current.state === 'connected' ? status('interrupted', 'network') : current;
    case 'lost':
      return status('interrupted', signal.reason);
    case 'unlinked':
      return status('logged_out', 'unlinked', 'relink');
    case 'logged_out':
      return status('logged_out', 'logged_out', 'relink');
    case 'link_expired':
      return status('stopped', 'link_expired', 'start');
    case 'stop_requested':
      return status('stopped', 'requested', 'start');
    case 'gave_up':
      return status('failed', 'restart_budget_spent', 'restart', signal.detail);
  }
}

function afterProbe(current: SessionStatus, report: ProbeReport): SessionStatus {
  switch (report.link) {
    case 'banned':
      return status('failed', 'banned');
    case 'outdated_client':
      return status('failed', 'outdated_client', 'restart', report.waVersion);
    case 'proxy_blocked':
      return status('interrupted', 'proxy_blocked');
    case 'conflict':
      return status('interrupted', 'conflict', 'restart');
    case 'loading':
    case 'needs_login':
    case 'unlinked':
      // One look does not end a session: the signal `unlinked` does.
      return current.state === 'connected' ? status('interrupted', 'network') : current;
    case 'offline':
      return isLinked(current) ? status('interrupted', 'network') : current;
    case 'syncing':
      return isLinked(current) ? current : status('connecting', 'syncing');
    case 'online':
      return whenOnline(current, report);
  }
}

function isLinked(current: SessionStatus): boolean {
  return current.state === 'connected' || current.state === 'interrupted';
}

function whenOnline(current: SessionStatus, report: ProbeReport): SessionStatus {
  const broken = report.brokenContracts;
  if (broken.length > 0) {
    const detail = `contract_broken(${broken.join(', ')})`.slice(0, 500);
    return status(report.proven ? 'connected' : 'interrupted', 'contract_broken', null, detail);
  }
  if (report.proven) return status('connected', 'ready');
  return current.state === 'interrupted' ? current : status('connecting', 'syncing');
}
