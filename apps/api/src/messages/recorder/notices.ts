import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EventType, WaPerson } from '#contracts';
import type { Query } from '#database';
import { EventLog, type NewEvent } from '../../events/index.js';
import { NodeFactHandlers, type FactOf, type StoredSession } from '../../nodes/index.js';
import type { KnownBatch } from './known-batch.js';
import { RecordedMessages } from './recorded-messages.js';

type NoticeFact = FactOf<'call' | 'group.change' | 'poll.vote'>;

/** Whether it is to be told. Of calls and changes of groups the first report counts, of votes each that is later. */
const TELL = {
  name: 'facts_tell',
  text: `INSERT INTO told_facts AS t (tenant_id, session_id, kind, key, at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (tenant_id, session_id, kind, key) DO UPDATE SET at = excluded.at
    WHERE t.kind = 'vote' AND t.at < excluded.at RETURNING key`,
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
    const fresh: NoticeFact[] = [];
    for (const fact of facts) {
      const told = await query(TELL, [session.tenantId, session.id, ...toldAs(fact)]);
      if (told.length > 0) fresh.push(fact);
    }
    const polls = fresh.flatMap((fact) => (fact.kind === 'poll.vote' ? [fact.target.waMessageId] : []));
    const known = polls.length === 0 ? undefined : await this.recorded.find(query, session, polls);
    await this.events.append(
      query,
      fresh.map((fact) => eventOf(session, fact, known)),
    );
  }
}

/** Kind, key and time under which a fact is remembered. */
function toldAs(fact: NoticeFact): [kind: string, key: string, at: string] {
  switch (fact.kind) {
    case 'call':
      return ['call', fact.callId, fact.at];
    case 'group.change':
      return ['group', `${fact.chat.id} ${fact.waMessageId} ${fact.change}`, fact.at];
    case 'poll.vote': {
      const { target, voter, fromMe, at } = fact;
      const poll = `${target.chat.id} ${target.waMessageId}`;
      return ['vote', `${poll} ${fromMe ? 'me' : voter.id}`, at];
    }
  }
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
