import type { SessionAction, SessionState } from '#contracts';

const ACTION_ADVICE: Record<SessionAction, string> = {
  scan_qr: 'Scan the QR code of the session with the phone.',
  open_phone: 'Open WhatsApp on the phone and see that it is online.',
  relink: 'Start the session and link the phone again.',
  restart: 'Restart the session.',
  start: 'Start the session.',
};

/** What to do so that the session is connected. */
export function adviceForSession({
  state,
  action,
}: {
  state: SessionState;
  action: SessionAction | null;
}): string {
  if (action !== null) return ACTION_ADVICE[action];
  switch (state) {
    case 'stopped':
      return ACTION_ADVICE.start;
    case 'pairing':
      return ACTION_ADVICE.scan_qr;
    case 'logged_out':
      return ACTION_ADVICE.relink;
    case 'failed':
      return ACTION_ADVICE.restart;
    default:
      return 'Wait: it comes back by itself.';
  }
}

interface Failure {
  why: string;
  advice: string;
}

const AGAIN = 'Send it again.';
const FAILURES: Record<string, Failure> = {
  not_on_whatsapp: {
    why: 'The recipient is not on WhatsApp.',
    advice: 'Check the number, with its country code.',
  },
  session_deleted: {
    why: 'The session was deleted before the message left.',
    advice: 'Send it through another session.',
  },
  session_logged_out: {
    why: 'The session was logged out before the message left.',
    advice: 'Link the phone again, then send it again.',
  },
  media_unavailable: {
    why: 'The file could not be read from the store.',
    advice: 'Upload the file again, then send it again.',
  },
  quoted_not_found: {
    why: 'The quoted message is not in the chat.',
    advice: 'Send it without quoting, or quote a message that is in the chat.',
  },
  rejected: {
    why: 'WhatsApp refused the message.',
    advice: 'Look at the phone: WhatsApp may have restricted the number, or the chat does not let it write.',
  },
  attempts_exhausted: {
    why: 'It was tried several times and could not be handed over.',
    advice: 'See the reasons of the attempts; send it again once they are gone.',
  },
  poison: {
    why: 'The page of WhatsApp Web died each time while the message was being handed over.',
    advice: 'Do not send the same again; try it without its file, mentions or link preview.',
  },
  opted_out: {
    why: 'The recipient asked not to be written to.',
    advice: 'Do not write to them, or remove the opt-out if it was a mistake.',
  },
  contract_broken: {
    why: 'WhatsApp Web changed in a way that this version does not know.',
    advice: 'Tell the operator; a newer version is needed.',
  },
};

/** Why a message failed for good. */
export function whyFailed(errorCode: string | null, attempts: number): string {
  const why = FAILURES[errorCode ?? '']?.why ?? `It was not sent (${errorCode ?? 'no reason known'}).`;
  return attempts > 1 ? `${why} It was tried ${String(attempts)} times.` : why;
}

export function adviceForFailure(errorCode: string | null): string {
  return FAILURES[errorCode ?? '']?.advice ?? AGAIN;
}
