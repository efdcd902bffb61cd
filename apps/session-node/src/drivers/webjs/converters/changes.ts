import type { ChangeFact, InboxFact } from '../../driver.js';
import type { RawItem, RawReaction } from '../page/agent-api.js';
import { ackFact, contentOf, isoOf, messageFact, personOf } from './messages.js';
import { callFact, groupFact, targetOf, voteFact } from './notices.js';

type Raw<K extends RawItem['kind']> = Extract<RawItem, { kind: K }>;

/** WhatsApp's emoji are short; anything longer is none. */
const EMOJI_MAX = 64;

/** The fact that an item of the page tells. @throws RangeError for a time that is none */
export function factOf(item: RawItem, origin: 'live' | 'sweep', now: Date): InboxFact {
  switch (item.kind) {
    case 'message':
      return messageFact(item.message, origin);
    case 'ack':
      return ackFact(item.ack, now);
    case 'edit':
      return editFact(item);
    case 'revoke':
      return revokeFact(item, now);
    case 'reactions':
      return reactionsFact(item, now);
    case 'call':
      return callFact(item.call, now);
    case 'group':
      return groupFact(item.change);
    case 'vote':
      return voteFact(item.vote);
  }
}

function editFact({ message, editedMs }: Raw<'edit'>): ChangeFact {
  return {
    kind: 'message.edit',
    target: targetOf(message),
    content: contentOf(message),
    editedAt: new Date(editedMs).toISOString(),
  };
}

function revokeFact({ target, by, t }: Raw<'revoke'>, now: Date): ChangeFact {
  return {
    kind: 'message.revoke',
    target: targetOf(target),
    by: by && personOf(by),
    at: t === null ? now.toISOString() : isoOf(t),
  };
}

function reactionsFact({ target, reactions, whole }: Raw<'reactions'>, now: Date): ChangeFact {
  return {
    kind: 'message.reactions',
    target: targetOf(target),
    reactions: reactions.map(reactionOf),
    wholeAt: whole ? now.toISOString() : null,
  };
}

function reactionOf({ sender, fromMe, emoji, atMs }: RawReaction) {
  return {
    sender: personOf(sender),
    fromMe,
    emoji: emoji === '' ? null : emoji.slice(0, EMOJI_MAX),
    at: new Date(atMs).toISOString(),
  };
}
