import type { SendOutcome } from '#contracts';
import { backoff } from '#kernel';
import { applyAck } from '../message-progress.js';
import type { MessageState } from '../message-changes.js';
import type { AttemptHistory } from './attempt-repository.js';
import type { AttemptEnd } from './claimed-message.js';

/** Attempts whose failure counts; the last one is final. */
export const MOST_ATTEMPTS = 8;
/** Attempts during which the page died; the last one is final. */
const MOST_CRASHES = 2;
const RETRY = { baseMs: 1_000, maxMs: 60_000 };
const HELD_RETRY_MS = 1_000;
const EXPIRED_AT_NODE =
  'It could not be sent before it expired: its node had it by then, and had not handed it to WhatsApp yet.';

/** What becomes of an attempt's row; null: the row goes, as if it had never been. */
export type AttemptChange = {
  outcome: SendOutcome['outcome'];
  reason: string | null;
  /** Look for the message in the chat. */
  lookup: boolean;
} | null;

export interface Settled {
  message: MessageState;
  attempt: AttemptChange;
}

export interface SettleContext extends AttemptHistory {
  /** No later attempt was made; an older attempt's end only completes that attempt. */
  isCurrent: boolean;
  now: Date;
}

/** What the end of an attempt makes of its message. */
export function settleAttempt(message: MessageState, end: AttemptEnd, context: SettleContext): Settled {
  const { isCurrent, failures, crashes, sessionEnd, now } = context;
  // An ack may have told more than this answer does.
  const isOpen = isCurrent && (message.status === 'sending' || message.status === 'unknown');
  if (end.kind === 'released') {
    const isReleased = isOpen && context.isOpen;
    return { message: isReleased ? giveBack(message, sessionEnd, now) : message, attempt: null };
  }
  const { outcome } = end;
  if (outcome.outcome === 'handed') return settleHanded(message, outcome, now);
  if (outcome.outcome === 'unknown') {
    const unknown = { ...message, status: 'unknown' as const };
    return {
      message: isOpen ? unknown : message,
      attempt: { outcome: 'unknown', reason: outcome.reason, lookup: isOpen },
    };
  }
  if (end.held) {
    const later = new Date(now.getTime() + HELD_RETRY_MS);
    return { message: isOpen ? giveBack(message, sessionEnd, now, later) : message, attempt: null };
  }
  const attempt = { outcome: 'not_sent' as const, reason: outcome.code, lookup: false };
  if (!isOpen) return { message, attempt };
  if (outcome.code === 'expired') return { message: expire(message, now, EXPIRED_AT_NODE), attempt };
  const final = finalCode(outcome, failures, crashes) ?? sessionEnd;
  return { message: final === null ? requeue(message, failures, now) : fail(message, final, now), attempt };
}

/** The code with which a message fails for good, or null when it is tried again. */
function finalCode({ retry, code }: NotSent, failures: number, crashes: number): string | null {
  if (!retry) return code;
  if (code === 'page_crashed' && crashes + 1 >= MOST_CRASHES) return 'poison';
  return failures + 1 >= MOST_ATTEMPTS ? 'attempts_exhausted' : null;
}

/**
 * Back into the queue, where that still is one, as if the attempt had not been: it never reached a page, so it does not
 * count.
 */
export function giveBack(
  message: MessageState,
  sessionEnd: string | null,
  now: Date,
  dueAt = message.dueAt,
): MessageState {
  const attempts = Math.max(0, message.attempts - 1);
  if (sessionEnd !== null) return fail({ ...message, attempts }, sessionEnd, now);
  return { ...message, status: 'queued', attempts, dueAt };
}

type Handed = Extract<SendOutcome, { outcome: 'handed' }>;
type NotSent = Extract<SendOutcome, { outcome: 'not_sent' }>;

function settleHanded(message: MessageState, outcome: Handed, now: Date): Settled {
  const standing = {
    ...message,
    waKey: message.waKey ?? outcome.waKey,
    chatId: outcome.chatId,
    occurredAt: new Date(outcome.timestamp),
  };
  const progress = applyAck(standing, outcome.ack, now);
  const after = progress ? withEnd({ ...standing, ...progress }, now) : standing;
  // Held for dead meanwhile, and not acknowledged: looking for it goes on.
  return { message: after, attempt: { outcome: 'handed', reason: null, lookup: after.status === 'unknown' } };
}

export function fail(message: MessageState, errorCode: string, now: Date): MessageState {
  return { ...message, status: 'failed', errorCode, errorDetail: null, endedAt: now };
}

/** Its time was over before it left. `why`: what held it back, in a sentence. */
export function expire(message: MessageState, now: Date, why: string | null = null): MessageState {
  return { ...message, status: 'expired', errorCode: 'expired', errorDetail: why, endedAt: now };
}

function requeue(message: MessageState, failures: number, now: Date): MessageState {
  return { ...message, status: 'queued', dueAt: new Date(now.getTime() + backoff(failures, RETRY)) };
}

/** A refusal by WhatsApp ends a message; a better ack takes that back. */
export function withEnd(message: MessageState, now: Date): MessageState {
  const errorDetail = message.errorCode === null ? null : message.errorDetail;
  return { ...message, errorDetail, endedAt: message.status === 'failed' ? (message.endedAt ?? now) : null };
}
