import type { RawChanged, RawItem } from './agent-api.js';
import { findByWaKey } from './messages.js';
import { isMessage, personOf, rawMessage } from './raw-message.js';
import { reactionsOf, targetOf } from './reactions.js';
import { widText } from './ids.js';
import { wa, type WaMsg } from './wa.js';

/** Models looked at, and found changed, in one piece. */
const PIECE_MODELS = 5_000;
const PIECE_ITEMS = 200;
const PIECE_MS = 5_000;

/** What became of a message after it was written, as its model tells: at most one edit and one revoke. */
export function changeItems(msg: WaMsg): RawItem[] {
  if (msg.type === 'revoked') return revokeItem(msg);
  const editedMs = msg.latestEditSenderTimestampMs;
  if (typeof editedMs !== 'number' || !(editedMs > 0) || msg.type === 'ciphertext') return [];
  const message = rawMessage(msg);
  return message ? [{ kind: 'edit', message, editedMs }] : [];
}

function revokeItem(msg: WaMsg): RawItem[] {
  const target = targetOf(msg.id);
  if (!target) return [];
  const by = widText(msg.revokeSender);
  const t = typeof msg.revokeTimestamp === 'number' ? msg.revokeTimestamp : null;
  return [{ kind: 'revoke', target, by: by === undefined ? null : personOf(by), t }];
}

/** What is known beyond the message itself, reactions too. */
export async function allChanges(msg: WaMsg): Promise<RawItem[]> {
  const changes = changeItems(msg);
  const reactions = msg.hasReaction === true ? await readableReactions(msg) : undefined;
  return reactions ? [...changes, reactions] : changes;
}

/**
 * Edits, revokes and reactions of what the page holds, however old the message. A time that the page does not tell
 * counts as new: it is for the receiver, who knows what it has.
 */
export async function changesSince(
  sinceSeconds: number,
  baselineSeconds: number,
  from: number,
): Promise<RawChanged> {
  const models = wa('WAWebCollections').Msg.getModelsArray();
  const items: RawItem[] = [];
  const until = performance.now() + PIECE_MS;
  let at = from;
  for (; at < models.length; at += 1) {
    const isFull = at >= from + PIECE_MODELS || items.length >= PIECE_ITEMS;
    if (isFull || (at > from && performance.now() > until)) break;
    const msg = models[at];
    if (msg && msg.t >= baselineSeconds) items.push(...(await changedSince(msg, sinceSeconds)));
  }
  return { items, next: at < models.length ? at : null };
}

/** One that cannot be read must not keep the others from being told; the chat's own sweep reports it. */
async function changedSince(msg: WaMsg, sinceSeconds: number): Promise<RawItem[]> {
  try {
    if (!isMessage(msg)) return [];
    const isChanged =
      msg.type === 'revoked'
        ? (msg.revokeTimestamp ?? Infinity) >= sinceSeconds
        : (msg.latestEditSenderTimestampMs ?? 0) >= sinceSeconds * 1000;
    const changes = isChanged ? changeItems(msg) : [];
    const reactions = msg.hasReaction === true ? await reactionsOf(msg) : undefined;
    const isNew =
      reactions?.kind === 'reactions' && reactions.reactions.some(({ atMs }) => atMs >= sinceSeconds * 1000);
    return isNew ? [...changes, reactions] : changes;
  } catch {
    return [];
  }
}

async function readableReactions(msg: WaMsg): Promise<RawItem | undefined> {
  try {
    return await reactionsOf(msg);
  } catch {
    // They are read again with the next sweep.
    return undefined;
  }
}

/** How single messages stand now. What the page does not have any more, or cannot read, is left out. */
export async function standOf(waKeys: string[]): Promise<RawItem[]> {
  const items: RawItem[] = [];
  for (const text of waKeys) items.push(...(await stand(text)));
  return items;
}

async function stand(text: string): Promise<RawItem[]> {
  try {
    const msg = await findByWaKey(text);
    if (!msg) return [];
    const message = msg.type === 'ciphertext' ? undefined : rawMessage(msg);
    const reactions = await reactionsOf(msg);
    return [
      ...(message ? [{ kind: 'message' as const, message }] : []),
      ...changeItems(msg),
      ...(reactions ? [reactions] : []),
    ];
  } catch {
    return [];
  }
}
