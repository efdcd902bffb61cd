import { NODE_COMMANDS, waKey, type NodeResponse } from '#contracts';
import type { RawAck } from '../page/agent-api.js';
import { isoOf } from './messages.js';

type Found = NodeResponse<'message.lookup'>['found'][number];

const foundSchema = NODE_COMMANDS['message.lookup'].response.shape.found.element;

/** What a look-up found of one message; nothing for one that cannot be read, which must not hide the others. */
export function foundOf(raw: RawAck & { t: number }): Found[] {
  try {
    const found = { waMessageId: raw.id, waKey: waKey(raw), ack: raw.ack, timestamp: isoOf(raw.t) };
    return foundSchema.safeParse(found).success ? [found] : [];
  } catch (error) {
    // A time that is none.
    if (error instanceof RangeError) return [];
    throw error;
  }
}
