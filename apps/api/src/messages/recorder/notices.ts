import { createHash } from 'node:crypto';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EventType, WaPerson } from '#contracts';
import type { Query } from '#database';
import { allDone } from '#kernel';
import { EventLog, type NewEvent } from '../../events/index.js';
import { NodeFactHandlers, type FactOf, type StoredSession } from '../../nodes/index.js';
import type { KnownBatch } from './known-batch.js';
import { RecordedMessages } from './recorded-messages.js';
import { TOLD_DAYS } from './told-fact-purge.js';

type NoticeFact = FactOf<'call' | 'group.change' | 'poll.vote'>;

/**
 * Whether it is to be told. Of calls and changes of groups the first report counts, of votes each that is later, under
 * whichever key one was told. What is old enough to be forgotten is not told: it would be once more with every report.
 */
const TELL = {
  name: 'facts_tell',
  text: `INSERT INTO told_facts AS t (tenant_id, session_id, kind, key, at) SELECT $1, $2, $3, $4, $5::timestamptz
    WHERE $5::timestamptz > now() - make_interval(days => ${String(TOLD_DAYS)})
      AND NOT EXISTS (SELECT FROM told_facts o WHERE o.tenant_id = $1 AND o.session_id = $2 AND o.kind = $3
        AND o.key = ANY ($6::bytea[]) AND o.at >= $5::timestamptz)
    ON CONFLICT (tenant_id, session_id, kind, key) DO UPDATE SET at = excluded.at
    WHERE t.kind = 'vote' AND t.at < excluded.at RETURNING 1 AS told`,
};

const JOINED = new Set(['add', 'invite', 'linked_group_join', 'create']);
const LEFT = new Set(['remove', 'leave']);

/** Tells tenants of what is no message and has no row of its own: calls, changes of groups, votes. Each once. */
@Injectable()
export class Notices implements OnModuleInit {
  constructor(
    private readonly handlers: NodeFactHandlers,
    private readonly recorded: RecordedMessages,
    private readonly events: EventLog,
  ) {}

  onModuleInit(): void {
    this.handlers.registerAll(['call', 'group.change', 'poll.vote'], (tx, session, facts) =>
      this.record(tx, session, facts),
    );
  }

  private async record(query: Query, session: StoredSession, facts: readonly NoticeFact[]): Promise<void> {
    // One behind the other on the connection, without a wait for each answer.
    const told = await allDone(
      facts.map((fact) => query(TELL, [session.tenantId, session.id, ...toldAs(fact)])),
    );
    const fresh = facts.filter((_, index) => told[index]?.length);
    const polls = fresh.flatMap((fact) => (fact.kind === 'poll.vote' ? [fact.target.waMessageId] : []));
    const known = polls.length === 0 ? undefined : await this.recorded.find(query, session, polls);
    await this.events.append(
      query,
      fresh.map((fact) => eventOf(session, fact, known)),
    );
  }
}

/** Kind, key and time under which a fact is remembered, and keys under which it may have been before. */
type ToldAs = [kind: string, key: Buffer, at: string, others: Buffer[]];

function toldAs(fact: NoticeFact): ToldAs {
  switch (fact.kind) {
    case 'call':
      return ['call', keyOf(fact.callId), fact.at, []];
    case 'group.change':
      return ['group', keyOf(fact.chat.id, fact.waMessageId, fact.change), fact.at, []];
    case 'poll.vote':
      return voteToldAs(fact);
  }
}

/** Chat and voter may have been known by their LIDs first. A vote with unknown choices is older than the same with them. */
function voteToldAs({ target, voter, fromMe, choices, at }: FactOf<'poll.vote'>): ToldAs {
  const voters = fromMe ? ['me'] : formsOf(voter);
  const [key = keyOf(), ...others] = formsOf(target.chat).flatMap((chat) =>
    voters.map((one) => keyOf(chat, target.waMessageId, one)),
  );
  const atMs = Date.parse(at) - (choices === null ? 1 : 0);
  return ['vote', key, new Date(atMs).toISOString(), others];
}

/** The id of now first. */
function formsOf({ id, lid }: { id: string; lid: string | null }): string[] {
  return lid === null || lid === id ? [id] : [id, lid];
}

/** A digest: ids may be of any length, and phone numbers are among them. */
function keyOf(...parts: string[]): Buffer {
  return createHash('sha256').update(JSON.stringify(parts)).digest();
}

function eventOf(session: StoredSession, fact: NoticeFact, known: KnownBatch | undefined): NewEvent {
  const { tenantId, id: sessionId } = session;
  switch (fact.kind) {
    case 'call':
      return { tenantId, sessionId, type: 'call.received', data: callData(fact) };
    case 'group.change':
      return { tenantId, sessionId, type: typeOfChange(fact), data: groupData(session, fact) };
    case 'poll.vote':
      return { tenantId, sessionId, type: 'poll.vote', data: voteData(session, fact, known) };
  }
}

function callData({ callId, chat, from, isVideo, at }: FactOf<'call'>): NewEvent['data'] {
  return { callId, chatId: chat.id, from, isVideo, isGroup: chat.kind === 'group', occurredAt: at };
}

function typeOfChange({ change }: FactOf<'group.change'>): EventType {
  if (JOINED.has(change)) return 'group.joined';
  return LEFT.has(change) ? 'group.left' : 'group.updated';
}

function groupData(session: StoredSession, fact: FactOf<'group.change'>): NewEvent['data'] {
  const { waMessageId, chat, change, by, people, value, at } = fact;
  const participants = people.map((person) => ({ ...person, isMe: isMe(session, person) }));
  return { chatId: chat.id, chat, waMessageId, change, by, participants, value, occurredAt: at };
}

function voteData(session: StoredSession, fact: FactOf<'poll.vote'>, known?: KnownBatch): NewEvent['data'] {
  const { target, voter, fromMe, choices, at } = fact;
  return {
    messageId: known?.matchTarget(target)?.id ?? null,
    waMessageId: target.waMessageId,
    chatId: target.chat.id,
    from: { id: fromMe ? session.waId : voter.id, name: voter.name, fromMe },
    choices,
    at,
  };
}

function isMe({ waId, phone, lid }: StoredSession, person: WaPerson): boolean {
  return (
    (waId !== null && person.id === waId) ||
    (phone !== null && person.phone === phone) ||
    (lid !== null && person.lid === lid)
  );
}
