import type { EventDelivery } from '../../webhooks/index.js';
import { clock, times } from './plain-words.js';

const NO_ANSWER: Record<string, string> = {
  forbidden: 'its address may not be called',
  timeout: 'it did not answer in time',
  unreachable: 'it could not be reached',
  tls: 'no secure connection to it could be made',
  broken_answer: 'its answer could not be read',
  secret_unreadable: 'its secret could not be read',
};

/** Whether something keeps the webhook from having the event, other than that its turn has not come yet. */
export function isHeldUp({ isTaken, state, attempts, isEnabled, failingSince }: EventDelivery): boolean {
  if (isTaken) return false;
  return state === 'failed' || attempts > 0 || !isEnabled || failingSince !== null;
}

/** How one delivery stands, in a sentence. */
export function deliveryText(delivery: EventDelivery, now: Date): string {
  if (delivery.state === 'delivered') {
    return `Delivered at attempt ${String(delivery.attempts)}: ${outcomeOf(delivery)}.`;
  }
  if (!isHeldUp({ ...delivery, isTaken: false })) return 'Not tried yet, or being posted at this moment.';
  return `Not taken: ${whyNotTaken(delivery, now)}.`;
}

/** Why a webhook has not taken an event, and what comes next. */
export function whyNotTaken(delivery: EventDelivery, now: Date): string {
  const { state, attempts, failingSince } = delivery;
  const next = whatIsNext(delivery, now);
  if (attempts > 0) {
    const tried = attempts > 1 ? `, tried ${times(attempts)}` : '';
    return `${outcomeOf(delivery)}${tried}, ${next}`;
  }
  if (failingSince !== null && state !== 'failed')
    return `it fails since ${clock(failingSince, now)}, ${next}`;
  return next;
}

function outcomeOf({ status, error }: EventDelivery): string {
  if (status !== null) return `it answered ${String(status)}`;
  return NO_ANSWER[error ?? ''] ?? 'it did not answer';
}

function whatIsNext({ state, attempts, isEnabled, nextAt }: EventDelivery, now: Date): string {
  if (state === 'failed') return attempts > 0 ? 'and was given up' : 'the event is no longer kept or wanted';
  if (!isEnabled) return 'the webhook is switched off';
  if (nextAt === null || nextAt <= now) return 'the next try is due';
  return `next try at ${clock(nextAt, now)}`;
}
