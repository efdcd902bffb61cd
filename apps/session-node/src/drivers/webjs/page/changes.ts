import type { RawChanged, RawItem, RawPiece } from './agent-api.js';
import { inTime } from './in-time.js';
import { findByWaKey } from './messages.js';
import { isMessage, personOf, rawMessage } from './raw-message.js';
import { reactionsOf, targetOf } from './reactions.js';
import { widText } from './ids.js';
import { votesOf } from './votes.js';
import { wa, type WaMsg } from './wa.js';

/** Models looked at, and found changed, in one piece. */
const PIECE_MODELS = 5_000;
const PIECE_ITEMS = 200;
const PIECE_MS = 5_000;
const FIND_TIMEOUT_MS = 2_000;

/** Polls whose votes could not be read: that holds nothing else back, and may last. */
const unread = new WeakSet<WaMsg>();

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
  return [...changes, ...(reactions ? [reactions] : []), ...(await readableVotes(msg))];
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
  let isWhole = true;
  let at = from;
  for (; at < models.length; at += 1) {
    const isFull = at >= from + PIECE_MODELS || items.length >= PIECE_ITEMS;
    if (isFull || (at > from && performance.now() > until)) break;
    const msg = models[at];
    if (!msg || !(msg.t >= baselineSeconds)) continue;
    if (!(await addChanged(msg, sinceSeconds, items))) isWhole = false;
  }
  return { items, next: at < models.length ? at : null, isWhole };
}

/**
 * One that cannot be read must not keep the others from being told; the chat's own sweep reports it.
 * @returns false when there may be more than was added
 */
async function addChanged(msg: WaMsg, sinceSeconds: number, items: RawItem[]): Promise<boolean> {
  try {
    if (!isMessage(msg)) return true;
    const isChanged =
      msg.type === 'revoked'
        ? (msg.revokeTimestamp ?? Infinity) >= sinceSeconds
        : (msg.latestEditSenderTimestampMs ?? 0) >= sinceSeconds * 1000;
    if (isChanged) items.push(...changeItems(msg));
    const reactions = msg.hasReaction === true ? await reactionsOf(msg) : undefined;
    const isNew =
      reactions?.kind === 'reactions' && reactions.reactions.some(({ atMs }) => atMs >= sinceSeconds * 1000);
    if (isNew) items.push(reactions);
    items.push(...(await votesSince(msg, sinceSeconds)));
    return true;
  } catch {
    return false;
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

async function readableVotes(msg: WaMsg): Promise<RawItem[]> {
  try {
    const votes = await votesOf(msg);
    unread.delete(msg);
    return votes;
  } catch {
    // They are read again with the next look at all that changed.
    unread.add(msg);
    return [];
  }
}

/** Of a poll whose votes could not be read before, all of them. */
async function votesSince(msg: WaMsg, sinceSeconds: number): Promise<RawItem[]> {
  const since = unread.has(msg) ? 0 : sinceSeconds * 1000;
  const votes = await readableVotes(msg);
  return votes.filter((one) => one.kind === 'vote' && one.vote.atMs >= since);
}

/** How single messages stand now, from the key at `from` on. What the page does not have any more, or cannot read, is left out. */
export async function standOf(waKeys: string[], from: number): Promise<RawPiece> {
  const items: RawItem[] = [];
  const until = performance.now() + PIECE_MS;
  let at = from;
  for (; at < waKeys.length; at += 1) {
    if (at > from && performance.now() > until) break;
    items.push(...(await stand(waKeys[at] ?? '')));
  }
  return { items, next: at < waKeys.length ? at : null };
}

async function stand(text: string): Promise<RawItem[]> {
  try {
    const msg = await inTime(findByWaKey(text), FIND_TIMEOUT_MS, 'the message does not load');
    if (!msg) return [];
    const message = msg.type === 'ciphertext' ? undefined : rawMessage(msg);
    const changes = changeItems(msg);
    const reactions = await readableReactions(msg);
    return [
      ...(message ? [{ kind: 'message' as const, message }] : []),
      ...changes,
      ...(reactions ? [reactions] : []),
    ];
  } catch {
    return [];
  }
}
