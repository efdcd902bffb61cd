import type { TimedAttempt, TimedMessage, TimelineFacts } from './timeline-repository.js';
import type { TimelineStep } from './timeline.dto.js';

type Kind = TimelineStep['kind'];

/** What happened to a message, oldest first; steps of one moment in the order in which they follow from each other. */
export function stepsOf(facts: TimelineFacts): TimelineStep[] {
  const steps = [
    ...beginningOf(facts.message),
    ...facts.attempts.flatMap(stepsOfAttempt),
    ...stepsOfStatus(facts),
    ...stepsOfMedia(facts),
    ...step(facts.message.editedAt, 'edited', 'Its author changed it.'),
    ...step(facts.message.revokedAt, 'revoked', 'Its author took it back.'),
  ];
  return steps
    .map((one, place) => ({ one, place }))
    .sort((a, b) => a.one.at.localeCompare(b.one.at) || a.place - b.place)
    .map(({ one }) => one);
}

function step(
  at: Date | null,
  kind: Kind,
  summary: string,
  detail: Record<string, unknown> = {},
): TimelineStep[] {
  return at ? [{ at: at.toISOString(), kind, summary, detail }] : [];
}

function beginningOf({ origin, createdAt, occurredAt, priority }: TimedMessage): TimelineStep[] {
  if (origin === 'api') return step(createdAt, 'accepted', 'Accepted by the API, to be sent.', { priority });
  const from = origin === 'phone' ? 'Written on the phone of the session' : 'Came in from WhatsApp';
  return step(createdAt, 'received', `${from}, and stored.`, { occurredAt: occurredAt.toISOString() });
}

function stepsOfAttempt(attempt: TimedAttempt): TimelineStep[] {
  const { number, nodeName, epoch, waMessageId, outcome, reason, lookups, lookupAt } = attempt;
  const taken = { attempt: number, node: nodeName, epoch, waMessageId };
  const ended = { attempt: number, outcome, reason, lookups, nextLookupAt: lookupAt?.toISOString() ?? null };
  return [
    ...step(attempt.startedAt, 'claimed', 'Taken from the queue, under a WhatsApp id chosen for it.', taken),
    ...step(attempt.calledAt, 'called', 'The node was told to send it.', { attempt: number, node: nodeName }),
    ...step(attempt.endedAt, 'attempt_ended', outcomeText(outcome), ended),
  ];
}

function outcomeText(outcome: string | null): string {
  if (outcome === 'handed') return 'Handed to WhatsApp.';
  if (outcome === 'not_sent') return 'It certainly did not leave.';
  return 'Whether it left is not known.';
}

/** Of those that WhatsApp reports, its own times; of the others the time at which they were told of. */
function stepsOfStatus({ message, events }: TimelineFacts): TimelineStep[] {
  const told = (status: string) => events.find((event) => event.status === status)?.createdAt ?? null;
  const { sentAt, deliveredAt, readAt, status, endedAt, errorCode, errorDetail } = message;
  const ended = (name: string) => told(name) ?? (status === name ? endedAt : null);
  return [
    ...step(told('unknown'), 'unknown', 'Of unknown fate: looked up in its chat, not sent again.'),
    ...step(ended('unknown_final'), 'unknown_final', 'Looked up until its time was over, and not found.'),
    ...step(sentAt, 'sent', "WhatsApp's server has it."),
    ...step(deliveredAt, 'delivered', 'A device of the recipient has it.'),
    ...step(readAt, 'read', 'The recipient has read it.'),
    ...step(told('played'), 'played', 'The recipient has played it.'),
    ...step(ended('failed'), 'failed', 'It failed for good.', { code: errorCode }),
    ...step(ended('expired'), 'expired', errorDetail ?? 'Its time was over before it could leave.'),
    ...step(status === 'cancelled' ? endedAt : null, 'cancelled', 'Taken out of the queue by request.'),
  ];
}

function stepsOfMedia({ media, message }: TimelineFacts): TimelineStep[] {
  if (!media || message.direction === 'out') return [];
  return [
    ...step(media.createdAt, 'media_announced', 'Its file is to be fetched from WhatsApp.'),
    ...step(media.storedAt, 'media_stored', 'Its file is stored.'),
  ];
}
