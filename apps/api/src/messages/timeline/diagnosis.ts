import { REASON_TEXT, type MessageStatus } from '#contracts';
import { inWords } from '../reason-words.js';
import { said, type Diagnosis, type DiagnosisFacts } from './diagnosis-facts.js';
import { adviceForFailure, whyFailed } from './diagnosis-texts.js';
import { clock, times } from './plain-words.js';
import { ofQueued } from './queued-diagnosis.js';
import { adviceForSession } from './session-advice.js';

/** Says in plain words how a message stands, and what can be done about it. */
export function diagnose(facts: DiagnosisFacts): Diagnosis {
  switch (facts.status) {
    case 'queued':
      return ofQueued(facts);
    case 'sending':
      return ofSending(facts);
    case 'unknown':
      return ofUnknown(facts);
    case 'received':
      return ofReceived(facts);
    default:
      return ofOther(facts.status, facts);
  }
}

function ofSending({ attempt, attempts, now }: DiagnosisFacts): Diagnosis {
  if (attempt?.isEnded && attempt.outcome === 'handed') {
    return said(
      'awaiting_acknowledgement',
      'It was handed to WhatsApp, whose server has not acknowledged it yet.',
      'Nothing has to be done; without an acknowledgement in time it is looked up in its chat.',
    );
  }
  const since = attempt ? ` since ${clock(attempt.startedAt, now)}` : '';
  const step = attempt?.isCalled ? 'is being handed to WhatsApp' : 'was taken from the queue';
  return said(
    'being_handed_over',
    `It ${step}${since} (attempt ${String(Math.max(1, attempts))}).`,
    'Nothing has to be done; this takes seconds, or a minute for a large file.',
  );
}

function ofUnknown({ attempt, session, now }: DiagnosisFacts): Diagnosis {
  const why = attempt?.reason ? `: ${inWords(attempt.reason)}` : '';
  const looks = attempt?.lookups ? ` It was looked up ${times(attempt.lookups)}.` : '';
  const summary = `It may have left, and nobody can tell yet${why}. It is not sent again by itself.${looks}`;
  const end = attempt ? ` until ${clock(attempt.finalAt, now)}` : '';
  const rest = `Do not send it again: it is looked up by its id in its chat, again and again${end}, and a look-up that finds nothing proves nothing. If it is not found by then, its status becomes \`unknown_final\`.`;
  if (session.state !== 'connected') {
    const isDown = `The session is ${session.state}: ${REASON_TEXT[session.reason]}`;
    return said('fate_unknown', `${summary} ${isDown}`, `${adviceForSession(session)} ${rest}`);
  }
  return said('fate_unknown', summary, `Wait. ${rest}`);
}

function ofReceived({ type, media, now }: DiagnosisFacts): Diagnosis {
  if (type === 'undecryptable') {
    return said(
      'undecryptable',
      'It came in, and WhatsApp Web could not decrypt it so far.',
      'Open WhatsApp on the phone; it is completed here if WhatsApp sends it again.',
    );
  }
  if (media?.state === 'pending') {
    const next = media.nextAttemptAt ? `; next attempt at ${clock(media.nextAttemptAt, now)}` : '';
    const tried = media.attempts > 0 ? ` ${times(media.attempts)} in vain` : ' not yet';
    return said(
      'media_on_its_way',
      `It came in; its file is being fetched from WhatsApp, tried${tried}${next}.`,
      'Nothing has to be done while the session is connected.',
    );
  }
  if (media && media.state !== 'stored') {
    const why = media.error ? `: ${inWords(media.error)}` : '';
    return said(
      'media_missing',
      `It came in; its file is ${media.state}${why}.`,
      'Ask for the file again with POST /messages/{id}/media/download while the session is connected.',
    );
  }
  return said('received', 'It came in and is stored.', 'Nothing has to be done.');
}

type Other = Exclude<MessageStatus, 'queued' | 'sending' | 'unknown' | 'received'>;

function ofOther(status: Other, facts: DiagnosisFacts): Diagnosis {
  switch (status) {
    case 'sent':
      return said(
        'sent',
        "WhatsApp's server has it; no device of the recipient does yet.",
        'Nothing has to be done: it arrives when a device of the recipient is online.',
      );
    case 'delivered':
      return said(
        'delivered',
        'It is on a device of the recipient, not known to be read.',
        'Nothing has to be done: whoever hides read receipts is never shown as having read it.',
      );
    case 'read':
    case 'played':
      return said('read', `The recipient has ${status} it.`, 'Nothing has to be done.');
    case 'failed':
      return said('failed', whyFailed(facts), adviceForFailure(facts.errorCode));
    case 'expired':
      return ofExpired(facts);
    case 'cancelled':
      return said(
        'cancelled',
        'It was taken out of the queue and not sent.',
        'Send it again if it is wanted.',
      );
    case 'unknown_final':
      return said(
        'fate_unknown_for_good',
        'It may have left; it was looked up until its time was over and not found.',
        'Look into the chat on the phone before you send it again, or the recipient may get it twice.',
      );
  }
}

/** What held it back was looked at when its time was over, and is kept as its error's detail. */
function ofExpired({ expiresAt, errorDetail, attempts, now }: DiagnosisFacts): Diagnosis {
  const end = expiresAt ? ` at ${clock(expiresAt, now)}` : '';
  const tried = attempts > 0 ? ` It was tried ${times(attempts)}.` : '';
  return said(
    'expired',
    `Its time was over${end}${errorDetail === null ? ', before it had left; it was not sent.' : `. ${errorDetail}`}${tried}`,
    'If it is still wanted, send it again, with an `expiresAt` that leaves time for what can hold it back: the queue and the pacing of its session, a pause, a session that is not connected.',
  );
}
