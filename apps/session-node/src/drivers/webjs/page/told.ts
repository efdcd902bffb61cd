import type { WaMsg } from './wa.js';

/**
 * How each message stood when it was last told to the driver, so that a sweep brings only what is new. It lives as
 * long as the document: what was told before a reload, or to a driver that is gone, is told again.
 */
const told = new WeakMap<WaMsg, string>();

export function markTold(msg: WaMsg): void {
  told.set(msg, formOf(msg));
}

/** Only raises what is known of a message that was told as such. */
export function markChanged(msg: WaMsg): void {
  if (told.has(msg)) markTold(msg);
}

export function isTold(msg: WaMsg): boolean {
  return told.get(msg) === formOf(msg);
}

function formOf({ type, ack, latestEditSenderTimestampMs, hasReaction }: WaMsg): string {
  return `${type}|${ack ?? 0}|${latestEditSenderTimestampMs ?? 0}|${String(hasReaction === true)}`;
}
