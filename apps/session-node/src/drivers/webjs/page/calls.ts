import type { RawItem } from './agent-api.js';
import { widText } from './ids.js';
import { chatPerson, personOf } from './raw-message.js';
import { wa, type WaCall } from './wa.js';

/** A page that comes back is given calls that rang while it was away; nobody's phone rings this long. */
const RINGS_SECONDS = 120;

/**
 * Hears of calls as the library does, by wrapping the map that they are put into: each time that one changes. Pages
 * without the map are left alone.
 */
export function attachCalls(tell: (item: RawItem) => void): void {
  const calls = findCalls();
  if (!calls) return;
  const set = calls.set.bind(calls);
  calls.set = (key, call) => {
    const item = readable(call);
    if (item) tell(item);
    return set(key, call);
  };
}

function findCalls(): Map<unknown, WaCall> | undefined {
  try {
    const maps: unknown[] = Object.values(wa('WAWebCallCollection'));
    return maps.find((value): value is Map<unknown, WaCall> => value instanceof Map);
  } catch {
    // The page throws for a module it does not have.
    return undefined;
  }
}

/** The page's own call must go on, whatever it looks like. */
function readable(call: WaCall): RawItem | undefined {
  try {
    return callItem(call);
  } catch {
    return undefined;
  }
}

/** Undefined for a call of ours, for one that rang before, and for one that says neither its id nor who calls. */
function callItem({ id, peerJid, isVideo, isGroup, outgoing, offerTime }: WaCall): RawItem | undefined {
  const peer = widText(peerJid);
  if (outgoing === true || typeof id !== 'string' || id === '' || peer === undefined) return undefined;
  if (typeof offerTime === 'number' && offerTime > 0 && offerTime < Date.now() / 1000 - RINGS_SECONDS)
    return undefined;
  const ofGroup = peer.endsWith('@g.us');
  return {
    kind: 'call',
    call: {
      id,
      chat: chatPerson(peer),
      from: ofGroup || isGroup === true ? null : personOf(peer),
      isVideo: isVideo === true,
      t: typeof offerTime === 'number' && offerTime > 0 ? offerTime : null,
    },
  };
}
