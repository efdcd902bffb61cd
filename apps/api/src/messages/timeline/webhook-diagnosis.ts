import type { EventDelivery } from '../../webhooks/index.js';
import type { Diagnosis } from './diagnosis-facts.js';
import { isHeldUp, whyNotTaken } from './webhook-texts.js';

/** The message is well: that a webhook did not hear of it stands against this. */
const WELL: readonly Diagnosis['code'][] = [
  'awaiting_acknowledgement',
  'sent',
  'delivered',
  'read',
  'received',
];

/** Where something is to be done for a webhook. */
const FOR_MESSAGE = 'Nothing has to be done for the message itself';

/** Adds the webhook that is furthest from having what was told of the message, if there is one; the code stays. */
export function withWebhooks(
  diagnosis: Diagnosis,
  deliveries: readonly EventDelivery[],
  now: Date,
): Diagnosis {
  const heldUp = deliveries.filter(isHeldUp);
  const worst = heldUp.toSorted((a, b) => weightOf(b) - weightOf(a))[0];
  if (!worst) return diagnosis;
  const { webhookId, eventType } = worst;
  const others = new Set(heldUp.map((delivery) => delivery.webhookId)).size - 1;
  const more =
    others > 0 ? ` The same goes for ${String(others)} other webhook${others > 1 ? 's' : ''}.` : '';
  const word = WELL.includes(diagnosis.code) ? 'But' : 'Besides,';
  const sentence = `${word} webhook ${webhookId} has not taken ${eventType}: ${whyNotTaken(worst, now)}.${more}`;
  return {
    ...diagnosis,
    summary: `${diagnosis.summary} ${sentence}`,
    advice: `${diagnosis.advice.replace(/^Nothing has to be done/, FOR_MESSAGE)} ${adviceFor(worst)}`,
  };
}

function weightOf({ state, isEnabled, attempts }: EventDelivery): number {
  if (state === 'failed') return 3;
  if (!isEnabled) return 2;
  return attempts > 0 ? 1 : 0;
}

function adviceFor({ id, webhookId, state, isEnabled }: EventDelivery): string {
  if (state === 'failed') {
    return `When the receiver of the webhook is well again, have it delivered with POST /deliveries/${id ?? ''}/redeliver.`;
  }
  if (!isEnabled) {
    return `When the receiver of the webhook is well, switch it on with PATCH /webhooks/${webhookId}; it gets the event then.`;
  }
  return 'Look at the receiver of the webhook; the event is tried again by itself.';
}
