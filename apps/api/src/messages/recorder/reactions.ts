import { Injectable } from '@nestjs/common';
import type { Query } from '#database';
import { EventLog, type NewEvent } from '../../events/index.js';
import type { FactOf, StoredSession } from '../../nodes/index.js';
import type { HeldContent } from './content-repository.js';

type ReactionsFact = FactOf<'message.reactions'>;

/** The sender of all reactions of the session itself. */
const ME = 'me';

interface StoredReaction {
  messageId: string;
  /** WhatsApp's id, or `me`. */
  sender: string;
  name: string | null;
  /** null: taken back. */
  emoji: string | null;
  at: Date;
}

const FIND = {
  name: 'message_reactions_find',
  text: `SELECT message_id AS "messageId", sender, name, emoji, at FROM message_reactions
    WHERE tenant_id = $1 AND message_id = ANY($2)`,
};
const SAVE = {
  name: 'message_reactions_save',
  text: `INSERT INTO message_reactions AS r (tenant_id, message_id, sender, name, emoji, at)
    SELECT $1, n."messageId", n.sender, n.name, n.emoji, n.at FROM jsonb_to_recordset($2::jsonb)
      AS n("messageId" text, sender text, name text, emoji text, at timestamptz)
    ON CONFLICT (tenant_id, message_id, sender) DO UPDATE
      SET name = coalesce(excluded.name, r.name), emoji = excluded.emoji, at = excluded.at`,
};

/** Keeps the newest reaction of each person to each message, and tells of each change once. */
@Injectable()
export class Reactions {
  constructor(private readonly events: EventLog) {}

  /** Needs the messages' rows held. */
  async record(
    query: Query,
    session: StoredSession,
    reports: readonly { message: HeldContent; fact: ReactionsFact }[],
  ): Promise<void> {
    if (reports.length === 0) return;
    const ids = [...new Set(reports.map(({ message }) => message.id))];
    const stored = await query<StoredReaction & object>(FIND, [session.tenantId, ids]);
    const current = new Map(stored.map((reaction) => [keyOf(reaction), reaction]));
    const changed = new Set<string>();
    const events: NewEvent[] = [];
    for (const { message, fact } of reports) {
      for (const reaction of [...said(message, fact), ...takenBack(message, fact, [...current.values()])]) {
        const key = keyOf(reaction);
        const before = current.get(key);
        if (before && before.at >= reaction.at) continue;
        current.set(key, reaction);
        changed.add(key);
        const isNews = (before?.emoji ?? null) !== reaction.emoji && message.revokedAt === null;
        if (isNews) events.push(reactionEvent(session, reaction, message));
      }
    }
    if (changed.size === 0) return;
    const rows = [...changed].map((key) => current.get(key));
    await query(SAVE, [session.tenantId, JSON.stringify(rows)]);
    await this.events.append(query, events);
  }
}

function said(message: HeldContent, { reactions }: ReactionsFact): StoredReaction[] {
  return reactions.map(({ sender, fromMe, emoji, at }) => ({
    messageId: message.id,
    sender: fromMe ? ME : sender.id,
    name: fromMe ? null : sender.name,
    emoji,
    at: new Date(at),
  }));
}

/** Whoever is not among all that stood at a time had taken theirs back by then. */
function takenBack(message: HeldContent, fact: ReactionsFact, current: StoredReaction[]): StoredReaction[] {
  if (fact.wholeAt === null) return [];
  const wholeAt = new Date(fact.wholeAt);
  const standing = new Set(said(message, fact).map(({ sender }) => sender));
  return current
    .filter((one) => one.messageId === message.id && one.emoji !== null && !standing.has(one.sender))
    .filter((one) => one.at < wholeAt)
    .map((one) => ({ ...one, emoji: null, at: wholeAt }));
}

function keyOf({ messageId, sender }: StoredReaction): string {
  return `${messageId} ${sender}`;
}

function reactionEvent(session: StoredSession, reaction: StoredReaction, message: HeldContent): NewEvent {
  const { sender, name, emoji, at } = reaction;
  return {
    tenantId: session.tenantId,
    sessionId: session.id,
    type: 'message.reaction',
    data: {
      messageId: message.id,
      waMessageId: message.waMessageId,
      chatId: message.chatId,
      from: { id: sender === ME ? session.waId : sender, name, fromMe: sender === ME },
      emoji,
      at,
    },
  };
}
