import type { MessageStatus } from '#contracts';

/** What of a message moves while it is on its way. */
export interface MessageProgress {
  status: MessageStatus;
  /** The highest ack seen; null: none. */
  ack: number | null;
  errorCode: string | null;
  sentAt: Date | null;
  deliveredAt: Date | null;
  readAt: Date | null;
}

/** Rungs of the ladder; what is on none of them (`received`) has no acks. */
const RUNG: Partial<Record<MessageStatus, number>> = {
  queued: 0,
  sending: 0,
  unknown: 0,
  unknown_final: 0,
  expired: 0,
  cancelled: 0,
  failed: 1,
  sent: 2,
  delivered: 3,
  read: 4,
  played: 5,
};
const STATUS_OF_ACK: readonly MessageStatus[] = ['sending', 'sent', 'delivered', 'read', 'played'];
/** WhatsApp's refusal counts only as long as nobody knows better. */
const REFUSABLE: ReadonlySet<MessageStatus> = new Set(['sending', 'unknown', 'unknown_final']);

/**
 * What one ack makes of a message: the next progress, or undefined when it changes nothing. A ladder that is only
 * climbed, so acks may come late, doubled and in any order: the same acks always end in the same place. An ack of 1
 * and more proves that the message left, whatever was believed before (`unknown`, `failed`); −1 is WhatsApp's
 * refusal and is believed only of a message with no better ack. `at` is when WhatsApp reported it.
 */
export function applyAck(current: MessageProgress, ack: number, at: Date): MessageProgress | undefined {
  const rung = RUNG[current.status];
  if (rung === undefined) return undefined;
  if (ack < 0) {
    if (!REFUSABLE.has(current.status)) return undefined;
    return { ...current, status: 'failed', ack: -1, errorCode: 'rejected' };
  }
  if (ack === 0) return current.ack === null ? { ...current, ack: 0 } : undefined;
  const status = STATUS_OF_ACK[Math.min(ack, STATUS_OF_ACK.length - 1)] ?? 'sent';
  const target = RUNG[status] ?? 0;
  const times = {
    sentAt: earliest(current.sentAt, at),
    deliveredAt: ack >= 2 ? earliest(current.deliveredAt, at) : current.deliveredAt,
    readAt: ack >= 3 ? earliest(current.readAt, at) : current.readAt,
  };
  if (target > rung) return { ...current, ...times, status, ack, errorCode: null };
  const isEarlier =
    times.sentAt !== current.sentAt ||
    times.deliveredAt !== current.deliveredAt ||
    times.readAt !== current.readAt;
  return isEarlier ? { ...current, ...times } : undefined;
}

function earliest(known: Date | null, at: Date): Date {
  return known && known <= at ? known : at;
}
