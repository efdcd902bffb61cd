import type { RawItem } from './agent-api.js';
import { keyTexts, widText } from './ids.js';
import { inTime } from './in-time.js';
import { findMessage } from './messages.js';
import { authorSelf, personOf } from './raw-message.js';
import { targetOf } from './reactions.js';
import { wa, type WaKey, type WaMsg, type WaVote } from './wa.js';

const FIND_TIMEOUT_MS = 2_000;

/**
 * Hears of votes as the library does, by wrapping the table that they are written to. Pages without the table are left
 * alone. What cannot be told here is found by the sweep, which reads all votes of a poll.
 */
export function attachVotes(tell: (item: RawItem) => void): void {
  const table = findTable();
  if (!table) return;
  const upsert = table.bulkUpsert.bind(table);
  table.bulkUpsert = (rows, ...rest) => {
    if (Array.isArray(rows)) for (const row of rows) void tellVote(row, tell);
    return upsert(rows, ...rest);
  };
}

function findTable() {
  try {
    return wa('WAWebAddonPollVoteTableMode').pollVoteTableMode;
  } catch {
    // The page throws for a module it does not have.
    return undefined;
  }
}

async function tellVote(row: WaVote, tell: (item: RawItem) => void): Promise<void> {
  try {
    const target = targetOf(row.pollUpdateParentKey);
    if (!target) return;
    const poll = await inTime(findMessage(target), FIND_TIMEOUT_MS, 'the poll does not load');
    const item = voteItem(row, row.pollUpdateParentKey, poll);
    if (item) tell(item);
  } catch {
    // The sweep tells it.
  }
}

/** All votes that stand on a poll; none where the page has no such table. */
export async function votesOf(msg: WaMsg): Promise<RawItem[]> {
  const target = msg.type === 'poll_creation' ? targetOf(msg.id) : undefined;
  const table = target && findVotes();
  if (!target || !table) return [];
  for (const text of keyTexts(target)) {
    const rows = await inTime(table.equals(['parentMsgKey'], text), FIND_TIMEOUT_MS, 'the votes do not load');
    const items = rows.flatMap((row) => voteItem(row, msg.id, msg) ?? []);
    if (items.length > 0) return items;
  }
  return [];
}

function findVotes() {
  try {
    return wa('WAWebPollsVotesSchema').getTable();
  } catch {
    // The page throws for a module it does not have.
    return undefined;
  }
}

/** Undefined when the page does not say to which poll, by whom or when. */
function voteItem(row: WaVote, pollKey: WaKey | undefined, poll: WaMsg | undefined): RawItem | undefined {
  const target = targetOf(pollKey);
  const voter = widText(row.author) ?? widText(row.sender) ?? widText(row.from);
  const atMs = row.senderTimestampMs;
  if (!target || voter === undefined || typeof atMs !== 'number' || !(atMs > 0)) return undefined;
  const fromMe = row.id?.fromMe === true || isMe(voter);
  const choices = poll ? choicesOf(row, poll) : null;
  return {
    kind: 'vote',
    vote: { target, voter: fromMe ? authorSelf(voter) : personOf(voter), fromMe, choices, atMs },
  };
}

/** All of them, or null: none at all would say that the vote was taken back. */
function choicesOf({ selectedOptionLocalIds }: WaVote, { pollOptions = [] }: WaMsg): string[] | null {
  const ids = idsIn(selectedOptionLocalIds);
  const names = ids?.map((id) => pollOptions.find(({ localId }) => localId === id)?.name);
  return names?.every((name) => name !== undefined) ? names : null;
}

function idsIn(chosen: unknown): unknown[] | undefined {
  if (chosen instanceof ArrayBuffer) return Array.from(new Uint8Array(chosen));
  const isList = typeof chosen === 'object' && chosen !== null && 'length' in chosen;
  return isList ? Array.from(chosen as ArrayLike<unknown>) : undefined;
}

function isMe(voter: string): boolean {
  const prefs = wa('WAWebUserPrefsMeUser');
  return [prefs.getMaybeMePnUser(), prefs.getMaybeMeLidUser()].some((me) => widText(me) === voter);
}
