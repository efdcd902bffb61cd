import { PAUSE_TEXT, REASON_TEXT } from '#contracts';
import { UNKNOWN_BLOCK_SECONDS } from '../dispatcher/claim-repository.js';
import { inWords } from '../reason-words.js';
import { COUNTED_AHEAD, said, type Diagnosis, type DiagnosisFacts } from './diagnosis-facts.js';
import { clock, clockToSeconds } from './plain-words.js';
import { adviceForSession } from './session-advice.js';

/** How a message that waits to be sent stands. */
export function ofQueued(facts: DiagnosisFacts): Diagnosis {
  const { now, session, attempts, dueAt } = facts;
  const place = placeOf(facts);
  const ends = endsAt(facts);
  if (session.pause) return ofPaused(facts, session.pause);
  if (session.state !== 'connected' || !session.isRunning) {
    const why = `the session is ${session.state} since ${clock(session.since, now)}: ${REASON_TEXT[session.reason]}`;
    return said('session_not_connected', `${place}; ${why}`, `${adviceForSession(session)} ${ends}`);
  }
  if (session.reason === 'contract_broken') {
    const why = `the session cannot send since ${clock(session.since, now)}: ${REASON_TEXT[session.reason]}`;
    return said('session_cannot_send', `${place}; ${why}`, `${adviceForSession(session)} ${ends}`);
  }
  if (dueAt > now && attempts === 0) {
    return said('scheduled', `It is to leave at ${clock(dueAt, now)}.`, `Nothing has to be done. ${ends}`);
  }
  if (dueAt > now) return ofRetried(facts);
  if (facts.isChatBlocked) return ofBlocked(facts);
  return (
    ofPaced(facts) ??
    said('in_queue', `${place}; the session is connected.`, `Nothing has to be done. ${ends}`)
  );
}

function ofBlocked(facts: DiagnosisFacts): Diagnosis {
  const summary = `${placeOf(facts)}; an earlier message of its chat is of unknown fate or is tried again, and the order of the chat is kept.`;
  const longest = facts.session.isStrictlyOrdered
    ? 'until its fate is known or it is given up (`unknown_final`), as its session has `strictOrder`'
    : `for ${String(UNKNOWN_BLOCK_SECONDS)} seconds at most, as its session has no \`strictOrder\``;
  const advice = `It may leave as soon as that one is settled; one of unknown fate holds it back ${longest}.`;
  return said('chat_blocked', summary, `${advice} ${endsAt(facts)}`);
}

function ofRetried(facts: DiagnosisFacts): Diagnosis {
  const { now, attempts, attempt, dueAt, expiresAt } = facts;
  const why = attempt?.reason ? `: ${inWords(attempt.reason)}` : '';
  const failed = `Attempt ${String(attempts)} certainly did not leave${why}`;
  if (expiresAt && expiresAt <= dueAt) {
    const summary = `${failed}; it expires at ${clockToSeconds(expiresAt, now)}, before it would be tried again.`;
    return said(
      'waiting_for_retry',
      summary,
      'If it is still wanted then, send it anew once it has expired.',
    );
  }
  const summary = `${failed}; it is tried again at ${clock(dueAt, now)}.`;
  return said('waiting_for_retry', summary, `Nothing has to be done. ${endsAt(facts)}`);
}

/** Undefined: the pacing of its session does not hold it back. */
function ofPaced(facts: DiagnosisFacts): Diagnosis | undefined {
  const { now, eta, isByStrangersCap, expiresAt } = facts;
  const place = placeOf(facts);
  if (isByStrangersCap && eta === null) {
    const summary = `${place}; its recipient never wrote to this session, and the pacing of the session lets nothing go to such people (\`strangersPerDay\` is 0).`;
    const advice = 'It stays in the queue: raise `strangersPerDay` of the session, or cancel the message.';
    return said('paced', summary, `${advice} ${endsAt(facts)}`);
  }
  if (!eta || eta.getTime() <= now.getTime() + 1_000) return undefined;
  const cap = isByStrangersCap ? ' (`strangersPerDay`, as its recipient never wrote to this session)' : '';
  const faster = 'change the pacing of the session';
  if (expiresAt && expiresAt <= eta) {
    const summary = `${place}; by the pacing of its session${cap} its turn would come at about ${clock(eta, now)}, but it expires at ${clock(expiresAt, now)}: as things are it will not be sent.`;
    return said('paced', summary, `To have it sent, ${faster}, or send it anew with a later \`expiresAt\`.`);
  }
  const summary = `${place}; by the pacing of its session${cap} it leaves at about ${clock(eta, now)}.`;
  return said('paced', summary, `To send faster, ${faster}. ${endsAt(facts)}`);
}

function ofPaused(
  facts: DiagnosisFacts,
  { reason, since, until }: NonNullable<DiagnosisFacts['session']['pause']>,
): Diagnosis {
  const { now, expiresAt } = facts;
  const end = until ? ` until ${clockToSeconds(until, now)}` : '';
  const isTooLong = until !== null && expiresAt !== null && expiresAt <= until;
  const late = isTooLong ? ' It expires before that.' : '';
  const summary = `${placeOf(facts)}; the session is paused since ${clockToSeconds(since, now)}${end}: ${PAUSE_TEXT[reason]}${late}`;
  return said('session_paused', summary, `${adviceForPause(reason, until !== null)} ${endsAt(facts)}`);
}

function adviceForPause(
  reason: NonNullable<DiagnosisFacts['session']['pause']>['reason'],
  endsByItself: boolean,
): string {
  if (reason === 'requested') {
    return endsByItself
      ? 'The pause ends by itself; resume the session to end it earlier.'
      : 'Resume the session when it may send again.';
  }
  const look = 'Look at the phone and the reason, then resume the session';
  return endsByItself ? `${look}, or wait: the pause ends by itself.` : `${look}.`;
}

function placeOf({ ahead }: DiagnosisFacts): string {
  if (ahead === 0) return 'First in the queue';
  if (ahead >= COUNTED_AHEAD) return `Queued behind ${String(COUNTED_AHEAD)} messages or more`;
  return `Queued behind ${String(ahead)} message${ahead === 1 ? '' : 's'}`;
}

function endsAt({ expiresAt, now }: DiagnosisFacts): string {
  return expiresAt ? `It expires at ${clock(expiresAt, now)}.` : '';
}
