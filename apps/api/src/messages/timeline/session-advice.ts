import type { SessionReason } from '#contracts';
import type { DiagnosisFacts } from './diagnosis-facts.js';

type Advised = Pick<DiagnosisFacts['session'], 'state' | 'reason' | 'action'>;

const START = 'Start the session.';
const RELINK = 'Start the session and link the phone again.';
const SCAN = 'Scan the QR code of the session with the phone.';
const WAIT = 'Wait: it comes back by itself.';
const AGAIN = `${WAIT} If this happens again and again, tell the operator.`;
const NEWER = 'Tell the operator: a newer version of wagate is needed.';

/** What to do about a session that is meant to run, by what keeps it from sending. */
const BY_REASON: Record<SessionReason, string> = {
  created: START,
  requested: START,
  launching: WAIT,
  waiting_for_slot: WAIT,
  scan_qr: SCAN,
  pairing_code: 'Enter the pairing code on the phone.',
  link_expired: 'Start the session and scan its QR code with the phone.',
  syncing: WAIT,
  ready: WAIT,
  probe_failed: AGAIN,
  page_crashed: AGAIN,
  browser_gone: AGAIN,
  node_lost: 'Tell the operator: it comes back when the node that runs it is brought back, and not before.',
  network: 'Wait: it comes back by itself. If it does not, tell the operator: WhatsApp cannot be reached.',
  conflict: 'See that this login is not open in another browser, then restart the session.',
  unlinked: RELINK,
  logged_out: RELINK,
  banned:
    'Look at the phone: WhatsApp says there what can be done. Restart the session once the number is free again.',
  proxy_blocked:
    'Tell the operator: WhatsApp refuses the address from which the node connects, and waiting may not help.',
  outdated_client:
    'Restart the session. If it stays so, tell the operator: a newer version of wagate is needed.',
  contract_broken: NEWER,
  start_timeout: AGAIN,
  start_failed: AGAIN,
  restart_budget_spent:
    'Restart the session, or wait: it tries again within the hour. If that fails too, tell the operator.',
};

/** What to do so that the session can send. */
export function adviceForSession({ state, reason, action }: Advised): string {
  if (state === 'logged_out') return RELINK;
  if (state === 'stopped' && reason === 'start_failed')
    return 'Tell the operator: its node has no place for it. It starts by itself when there is one.';
  if (state === 'stopped') return reason === 'link_expired' ? BY_REASON.link_expired : START;
  if ((state === 'starting' || state === 'connecting') && BY_REASON[reason] === START) return WAIT;
  if (action === 'open_phone' && reason !== 'pairing_code')
    return 'Open WhatsApp on the phone and see that it is online.';
  return BY_REASON[reason];
}
