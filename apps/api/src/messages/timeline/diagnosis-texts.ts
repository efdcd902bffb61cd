import type { SendOutcome } from '#contracts';
import type { SessionEndCode } from '../../sessions/index.js';
import { inWords } from '../reason-words.js';
import type { DiagnosisFacts } from './diagnosis-facts.js';
import { times } from './plain-words.js';

interface Failure {
  why: string;
  advice: string;
}

/** What a message can fail with: what a node says of a send, and what the api says itself. */
type FailureCode =
  | Exclude<Extract<SendOutcome, { outcome: 'not_sent' }>['code'], 'expired'>
  | SessionEndCode
  | 'recipient_opted_out'
  | 'attempts_exhausted'
  | 'poison';

const NOT_READY = 'See that the session is connected, then send it again.';
const FAILURES: Record<FailureCode, Failure> = {
  not_on_whatsapp: {
    why: 'The recipient is not on WhatsApp.',
    advice: 'Check the number, with its country code; to this one it fails again.',
  },
  session_deleted: {
    why: 'The session was deleted before the message left.',
    advice: 'Send it through another session.',
  },
  session_logged_out: {
    why: 'The session was logged out before the message left.',
    advice: 'Link the phone again, then send it again.',
  },
  recipient_opted_out: {
    why: 'The recipient asked not to be written to.',
    advice: 'Do not send it; only if the opt-out was a mistake, take it back (DELETE /opt-outs/{id}) first.',
  },
  media_unavailable: {
    why: 'Its file could not be read from the store, or could not be taken up by WhatsApp Web.',
    advice: 'See that the file opens and is what it is sent as; upload it again, then send it again.',
  },
  quoted_not_found: {
    why: 'The quoted message is not in the chat.',
    advice: 'Send it without quoting, or quote a message that is in the chat.',
  },
  rejected: {
    why: 'WhatsApp refused the message.',
    advice:
      'Look at the chat on the phone before you send it again: WhatsApp may have restricted the number, or there is no such chat, or one that does not let it write.',
  },
  attempts_exhausted: {
    why: 'It could not be handed over, and is tried no more.',
    advice: 'See the reasons of the attempts; send it again once they are gone.',
  },
  poison: {
    why: 'The page of WhatsApp Web died each time while the message was being prepared.',
    advice: 'Do not send the same again; try it without its file, mentions or link preview.',
  },
  contract_broken: {
    why: 'WhatsApp Web changed in a way that this version does not know.',
    advice: 'Tell the operator, as a newer version is needed; do not send it again before.',
  },
  session_not_connected: { why: 'The session was not connected.', advice: NOT_READY },
  page_gone: { why: 'The page of WhatsApp Web was not there.', advice: NOT_READY },
  page_crashed: {
    why: 'The page of WhatsApp Web died while the message was being prepared.',
    advice: NOT_READY,
  },
  busy: { why: 'The session had too much to do.', advice: 'Send it again later.' },
  transfer_busy: {
    why: 'The turn of its large file did not come, as other files were under way.',
    advice: 'Send it again later.',
  },
};

/** Why a message failed for good. */
export function whyFailed({ errorCode, attempts, attempt }: DiagnosisFacts): string {
  const why = failureOf(errorCode)?.why ?? `It was not sent (${errorCode ?? 'no reason known'}).`;
  const tried = attempts > 1 ? ` It was tried ${times(attempts)}.` : '';
  const last =
    errorCode === 'attempts_exhausted' && attempt?.reason ? ` At last: ${inWords(attempt.reason)}.` : '';
  return `${why}${tried}${last}`;
}

/** Of a reason that is not known nobody can say whether sending it again helps. */
export function adviceForFailure(errorCode: string | null): string {
  return failureOf(errorCode)?.advice ?? 'See the reasons of the attempts before you send it again.';
}

function failureOf(errorCode: string | null): Failure | undefined {
  return (FAILURES as Record<string, Failure>)[errorCode ?? ''];
}
