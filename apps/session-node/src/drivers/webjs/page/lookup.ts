import type { RawAck } from './agent-api.js';
import { ackOf } from './inbox-queue.js';
import { findSent } from './messages.js';

/** Finds messages that were sent with a known id, under every form of the chat's id. */
export async function lookup(
  wanted: { waMessageId: string; chatId: string }[],
): Promise<(RawAck & { t: number })[]> {
  const found = [];
  for (const { waMessageId, chatId } of wanted) {
    const msg = await findSent(waMessageId, chatId);
    const ack = msg && ackOf(msg);
    if (ack) found.push({ ...ack, t: msg.t });
  }
  return found;
}
