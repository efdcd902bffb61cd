import type { RawItem, RawReaction, RawTarget } from './agent-api.js';
import { keyParts, keyTexts, widText } from './ids.js';
import { inTime } from './in-time.js';
import { authorSelf, chatPerson, personOf } from './raw-message.js';
import { wa, type WaKey, type WaMsg, type WaReaction, type WaReactionSender } from './wa.js';

/** Times below this are unix seconds, above it milliseconds: builds differ. */
const MILLISECONDS_FROM = 100_000_000_000;
const FIND_TIMEOUT_MS = 2_000;

/**
 * Hears of reactions as the library does, by wrapping the table that they are written to; a message's model only
 * says whether it has any. Pages without the table are left alone: the sweep still sees their reactions.
 */
export function attachReactions(tell: (rows: WaReaction[]) => void): void {
  const table = findTable();
  if (!table) return;
  const upsert = table.bulkUpsert.bind(table);
  table.bulkUpsert = (rows, ...rest) => {
    if (Array.isArray(rows)) tell(rows);
    return upsert(rows, ...rest);
  };
}

function findTable() {
  try {
    return wa('WAWebAddonReactionTableMode').reactionTableMode;
  } catch {
    // The page throws for a module it does not have.
    return undefined;
  }
}

/** The item of one reaction; undefined when the page does not say to which message, or by whom. */
export function reactionItem(row: WaReaction): RawItem | undefined {
  const target = targetOf(row.reactionParentKey);
  const sender = widText(row.author) ?? widText(row.from);
  const reaction =
    target && reactionOf(row.id?.fromMe === true, sender, row.reactionText, row.reactionTimestamp);
  return reaction && { kind: 'reactions', target, reactions: [reaction], whole: false };
}

/**
 * All reactions that stand on a message; undefined when the page does not know them, or there is one that cannot be
 * read: what is unknown was not taken back.
 */
export async function reactionsOf(msg: WaMsg): Promise<RawItem | undefined> {
  const target = targetOf(msg.id);
  if (!target) return undefined;
  const senders = await found(keyTexts(target));
  if (senders === undefined || (senders.length === 0 && msg.hasReaction === true)) return undefined;
  const reactions = senders.flatMap((sender) => standing(sender) ?? []);
  return reactions.length < senders.length
    ? undefined
    : { kind: 'reactions', target, reactions, whole: true };
}

export function targetOf(key: WaKey | undefined): RawTarget | undefined {
  const parts = keyParts(key);
  const remote = widText(key?.remote);
  return parts && remote !== undefined ? { ...parts, chat: chatPerson(remote) } : undefined;
}

function standing({ msgKey, senderUserJid, reactionText, timestamp }: WaReactionSender) {
  return reactionOf(msgKey?.fromMe === true, widText(senderUserJid), reactionText, timestamp);
}

function reactionOf(
  fromMe: boolean,
  sender: string | undefined,
  emoji: string | undefined,
  time: number | undefined,
): RawReaction | undefined {
  if (sender === undefined || typeof time !== 'number' || !Number.isFinite(time)) return undefined;
  const atMs = time < MILLISECONDS_FROM ? time * 1000 : time;
  return { sender: fromMe ? authorSelf(sender) : personOf(sender), fromMe, emoji: emoji ?? '', atMs };
}

/** Who reacted, by the first form of the key under which somebody did; undefined when the page knows none. */
async function found(texts: string[]): Promise<WaReactionSender[] | undefined> {
  const { Reactions } = wa('WAWebCollections');
  let isKnown = false;
  for (const text of texts) {
    const groups = await inTime(Reactions.find(text), FIND_TIMEOUT_MS, 'the reactions do not load');
    if (!groups) continue;
    isKnown = true;
    const models = groups.reactions.getModelsArray();
    const senders = models.flatMap((group) =>
      Array.isArray(group.senders) ? group.senders : group.senders.getModelsArray(),
    );
    if (senders.length > 0) return senders;
  }
  return isKnown ? [] : undefined;
}
