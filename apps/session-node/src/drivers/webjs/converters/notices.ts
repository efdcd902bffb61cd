import {
  GROUP_PEOPLE_MAX,
  GROUP_VALUE_MAX,
  POLL_CHOICE_MAX,
  POLL_CHOICES_MAX,
  waKey,
  type WaChat,
  type WaTarget,
} from '#contracts';
import type { NoticeFact } from '../../driver.js';
import type { RawCall, RawGroupChange, RawPerson, RawTarget, RawVote } from '../page/agent-api.js';
import { chatKindOf, isoOf, personOf } from './messages.js';

/** WhatsApp's names are short; anything longer is none. */
const CHANGE_MAX = 64;

/** The fact of a call. @throws RangeError for a time that is none */
export function callFact({ id, chat, from, isVideo, t }: RawCall, now: Date): NoticeFact {
  return {
    kind: 'call',
    callId: id,
    chat: chatFrom(chat),
    from: from && personOf(from),
    isVideo,
    at: t === null ? now.toISOString() : isoOf(t),
  };
}

/** The fact of a mark in a group's chat. @throws RangeError for a time that is none */
export function groupFact({ id, chat, change, by, people, value, t }: RawGroupChange): NoticeFact {
  return {
    kind: 'group.change',
    waMessageId: id,
    chat: chatFrom(chat),
    change: change.slice(0, CHANGE_MAX),
    by: by && personOf(by),
    people: people.slice(0, GROUP_PEOPLE_MAX).map(personOf),
    value: value && value.slice(0, GROUP_VALUE_MAX),
    at: isoOf(t),
  };
}

/** The fact of a vote. @throws RangeError for a time that is none */
export function voteFact({ target, voter, fromMe, choices, atMs }: RawVote): NoticeFact {
  const at = new Date(atMs).toISOString();
  return {
    kind: 'poll.vote',
    target: targetOf(target),
    voter: personOf(voter),
    fromMe,
    choices: choices && choices.slice(0, POLL_CHOICES_MAX).map((choice) => choice.slice(0, POLL_CHOICE_MAX)),
    at,
  };
}

export function targetOf(raw: RawTarget): WaTarget {
  const { id, fromMe, chat, remote } = raw;
  return {
    waKey: waKey(raw),
    waMessageId: id,
    fromMe,
    chat: { ...personOf(chat), kind: chatKindOf(remote) },
  };
}

function chatFrom(raw: RawPerson): WaChat {
  return { ...personOf(raw), kind: chatKindOf(raw.id) };
}
