import type { WireCall } from '../wire.js';
import type { Attributes } from './model.js';
import type { People } from './people.js';
import { createWid } from './wid.js';

/** What `WAWebCallCollection` holds; the library hooks its `set`. */
export const calls = new Map<string, Attributes>();

/** A call rings. It is set again with every state that it gets. */
export function ring({ id, from, group, isVideo, startedAt }: WireCall, people: People): void {
  const call = {
    id,
    peerJid: group === undefined ? people.addressOf(from) : createWid(group.id),
    isVideo,
    isGroup: group !== undefined,
    outgoing: false,
    offerTime: startedAt,
    canHandleLocally: true,
    webClientShouldHandle: false,
    participants: [],
  };
  for (const state of ['INCOMING_RING', 'ENDED']) calls.set(id, { ...call, state });
}
