import {
  PAUSE_TEXT,
  REASON_TEXT,
  type MessageStatus,
  type PauseReason,
  type SessionAction,
  type SessionReason,
  type SessionState,
} from '#contracts';
import { adviceForFailure, adviceForSession, whyFailed } from './diagnosis-texts.js';
import { clock, times } from './plain-words.js';

/** What a diagnosis can say; a closed set for machines, beside the sentences for people. */
export const DIAGNOSIS_CODES = [
  'scheduled',
  'session_paused',
  'session_not_connected',
  'waiting_for_retry',
  'chat_blocked',
  'paced',
  'in_queue',
  'being_handed_over',
  'awaiting_acknowledgement',
  'sent',
  'delivered',
  'read',
  'failed',
  'expired',
  'cancelled',
  'fate_unknown',
  'fate_unknown_for_good',
  'received',
  'undecryptable',
  'media_on_its_way',
  'media_missing',
] as const;

export interface Diagnosis {
  code: (typeof DIAGNOSIS_CODES)[number];
  summary: string;
  advice: string;
}

/** What a diagnosis is made of. Holds neither phone numbers nor what the message says. */
export interface DiagnosisFacts {
  now: Date;
  status: MessageStatus;
  errorCode: string | null;
  type: string;
  dueAt: Date;
  expiresAt: Date | null;
  /** Attempts that reached a node. */
  attempts: number;
  /** Messages of the session that leave before it; counted up to `COUNTED_AHEAD`. */
  ahead: number;
  /** A message of its chat that nobody knows the fate of holds it back. */
  isChatBlocked: boolean;
  /** When it leaves by the pacing of its session; null: there is none, or nobody can tell. */
  eta: Date | null;
  session: {
    state: SessionState;
    reason: SessionReason;
    action: SessionAction | null;
    since: Date;
    isRunning: boolean;
    pause: { reason: PauseReason; since: Date; until: Date | null } | null;
  };
  /** The newest one. */
  attempt: {
    isCalled: boolean;
    isEnded: boolean;
    outcome: string | null;
    reason: string | null;
    startedAt: Date;
    lookups: number;
    nextLookupAt: Date | null;
  } | null;
  media: { state: string; error: string | null; attempts: number; nextAttemptAt: Date | null } | null;
}

/** Longer queues are not counted out. */
export const COUNTED_AHEAD = 1_000;

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

function ofQueued(facts: DiagnosisFacts): Diagnosis {
  const { now, session, ahead, attempts, dueAt, attempt, eta } = facts;
  const place = placeOf(ahead);
  const ends = endsAt(facts);
  if (session.pause) return ofPaused(place, session.pause, ends, now);
  if (session.state !== 'connected' || !session.isRunning) {
    const why = `the session is ${session.state} since ${clock(session.since, now)}: ${REASON_TEXT[session.reason]}`;
    return said('session_not_connected', `${place}; ${why}`, `${adviceForSession(session)} ${ends}`);
  }
  if (dueAt > now && attempts === 0) {
    return said('scheduled', `It is to leave at ${clock(dueAt, now)}.`, `Nothing has to be done. ${ends}`);
  }
  if (dueAt > now) {
    const why = attempt?.reason ? ` (${attempt.reason})` : '';
    const summary = `Attempt ${String(attempts)} certainly did not leave${why}; it is tried again at ${clock(dueAt, now)}.`;
    return said('waiting_for_retry', summary, `Nothing has to be done. ${ends}`);
  }
  if (facts.isChatBlocked) {
    const summary = `${place}; an earlier message of its chat is of unknown fate or is tried again, and the order of the chat is kept.`;
    return said('chat_blocked', summary, `It follows as soon as that one is settled. ${ends}`);
  }
  if (eta && eta.getTime() > now.getTime() + 1_000) {
    const summary = `${place}; by the pacing of its session it leaves at about ${clock(eta, now)}.`;
    return said('paced', summary, `To send faster, change the pacing of the session. ${ends}`);
  }
  return said('in_queue', `${place}; the session is connected.`, `Nothing has to be done. ${ends}`);
}

function ofPaused(
  place: string,
  pause: NonNullable<DiagnosisFacts['session']['pause']>,
  ends: string,
  now: Date,
): Diagnosis {
  const until = pause.until ? ` until ${clock(pause.until, now)}` : '';
  const summary = `${place}; the session is paused since ${clock(pause.since, now)}${until}: ${PAUSE_TEXT[pause.reason]}`;
  return said(
    'session_paused',
    summary,
    `Look at the phone and the reason, then resume the session. ${ends}`,
  );
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
  const why = attempt?.reason ? ` (${attempt.reason})` : '';
  const looks = attempt?.lookups ? ` It was looked up ${times(attempt.lookups)}.` : '';
  const summary = `It may have left, and nobody can tell yet${why}; it is not sent again by itself.${looks}`;
  if (session.state !== 'connected') {
    const isDown = `The session is ${session.state}: ${REASON_TEXT[session.reason]}`;
    return said('fate_unknown', `${summary} ${isDown}`, adviceForSession(session));
  }
  const next = attempt?.nextLookupAt ? ` at ${clock(attempt.nextLookupAt, now)}` : ' soon';
  return said(
    'fate_unknown',
    summary,
    `Wait: it is looked up by its id in its chat${next}. Do not send it again before that.`,
  );
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
    const why = media.error ? ` (${media.error})` : '';
    return said(
      'media_missing',
      `It came in; its file is ${media.state}${why}.`,
      'Ask for the file again with POST /messages/{id}/media/download while the session is connected.',
    );
  }
  return said('received', 'It came in and is stored.', 'Nothing has to be done.');
}

type Other = Exclude<MessageStatus, 'queued' | 'sending' | 'unknown' | 'received'>;

function ofOther(status: Other, { errorCode, attempts }: DiagnosisFacts): Diagnosis {
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
      return said('failed', whyFailed(errorCode, attempts), adviceForFailure(errorCode));
    case 'expired':
      return said(
        'expired',
        'It could not leave before its time was over, and was not sent.',
        'Send it again if it is still wanted, with a later `expiresAt` where the session may be away for long.',
      );
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

function said(code: Diagnosis['code'], summary: string, advice: string): Diagnosis {
  return { code, summary, advice: advice.trim() };
}

function placeOf(ahead: number): string {
  if (ahead === 0) return 'First in the queue';
  if (ahead >= COUNTED_AHEAD) return `Queued behind ${String(COUNTED_AHEAD)} messages or more`;
  return `Queued behind ${String(ahead)} message${ahead === 1 ? '' : 's'}`;
}

function endsAt({ expiresAt, now }: DiagnosisFacts): string {
  return expiresAt ? `It expires at ${clock(expiresAt, now)}.` : '';
}
