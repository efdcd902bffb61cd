import type { SendOutcome } from '#contracts';
import { backoff } from '#kernel';
import { applyAck } from '../message-progress.js';
import type { MessageState } from '../message-changes.js';
import type { AttemptEnd } from './claimed-message.js';

/** Attempts whose failure counts; the last one is final. */
export const MOST_ATTEMPTS = 8;
const RETRY = { baseMs: 1_000, maxMs: 60_000 };
const HELD_RETRY_MS = 1_000;

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

/**
 * What the end of an attempt makes of its message. `isCurrent`: no later attempt was made; an older attempt's end
 * only completes that attempt. `failures`: earlier attempts that count towards the limit.
 */
export function settleAttempt(
  message: MessageState,
  end: AttemptEnd,
  { isCurrent, failures, now }: { isCurrent: boolean; failures: number; now: Date },
): Settled {
  // An ack may have told more than this answer does.
  const isOpen = isCurrent && (message.status === 'sending' || message.status === 'unknown');
  if (end.kind === 'released') {
    const released = { ...message, status: 'queued' as const, attempts: message.attempts - 1 };
    return { message: isOpen ? released : message, attempt: null };
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
  const attempt = {
    outcome: 'not_sent' as const,
    reason: end.held ? `held: ${outcome.code}` : outcome.code,
    lookup: false,
  };
  if (!isOpen) return { message, attempt };
  const isLast = !outcome.retry || (!end.held && failures + 1 >= MOST_ATTEMPTS);
  return {
    message: isLast ? fail(message, outcome, now) : requeue(message, end.held, failures, now),
    attempt,
  };
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
  return {
    message: progress ? withEnd({ ...standing, ...progress }, now) : standing,
    attempt: { outcome: 'handed', reason: null, lookup: false },
  };
}

function fail(message: MessageState, outcome: NotSent, now: Date): MessageState {
  const errorCode = outcome.retry ? 'attempts_exhausted' : outcome.code;
  return { ...message, status: 'failed', errorCode, errorDetail: null, endedAt: now };
}

function requeue(message: MessageState, held: boolean, failures: number, now: Date): MessageState {
  const waitMs = held ? HELD_RETRY_MS : backoff(failures, RETRY);
  return { ...message, status: 'queued', dueAt: new Date(now.getTime() + waitMs) };
}

/** A refusal by WhatsApp ends a message; a better ack takes that back. */
export function withEnd(message: MessageState, now: Date): MessageState {
  return { ...message, endedAt: message.status === 'failed' ? (message.endedAt ?? now) : null };
}
