import { inWords } from '../reason-words.js';
import { dated } from './plain-words.js';
import type { TimedAttempt, TimedMessage, TimelineFacts } from './timeline-repository.js';
import type { TimelineStep } from './timeline.dto.js';

type Kind = TimelineStep['kind'];

/** What happened to a message, oldest first; steps of one moment in the order in which they follow from each other. */
export function stepsOf(facts: TimelineFacts): TimelineStep[] {
  const steps = [
    ...beginningOf(facts.message),
    ...facts.attempts.flatMap((attempt) => stepsOfAttempt(attempt, facts.message)),
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

function stepsOfAttempt(attempt: TimedAttempt, message: TimedMessage): TimelineStep[] {
  const { number, nodeName, epoch, waMessageId } = attempt;
  const taken = { attempt: number, node: nodeName, epoch, waMessageId };
  return [
    ...step(attempt.startedAt, 'claimed', 'Taken from the queue, under a WhatsApp id chosen for it.', taken),
    ...step(attempt.calledAt, 'called', 'The node was told to send it.', { attempt: number, node: nodeName }),
    ...endOfAttempt(attempt, message),
  ];
}

function endOfAttempt(attempt: TimedAttempt, message: TimedMessage): TimelineStep[] {
  const { number, outcome, reason, lookups, lookupAt, endedAt } = attempt;
  const detail = { attempt: number, reason, lookups, nextLookupAt: lookupAt?.toISOString() ?? null };
  const provenAt = proofOf(attempt, message);
  if (!provenAt) return step(endedAt, 'attempt_ended', outcomeText(outcome), { ...detail, outcome });
  const why = reason === null ? '' : `: ${inWords(reason)}`;
  const text = `Handed to WhatsApp. Its answer was lost${why}. But WhatsApp acknowledged it at ${dated(provenAt)}, which proves that it left.`;
  const proven = { ...detail, outcome: 'handed', provenAt: provenAt.toISOString() };
  return step(endedAt, 'attempt_ended', text, proven);
}

/** When an ack proved of an attempt that nobody answered for that it left; null: none did, or nothing had to be proven. */
function proofOf({ outcome, waMessageId }: TimedAttempt, message: TimedMessage): Date | null {
  const isAcked = (message.ack ?? 0) >= 1 && message.waMessageId === waMessageId;
  return outcome === 'unknown' && isAcked ? message.sentAt : null;
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
