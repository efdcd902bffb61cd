import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Query } from '#database';
import { EventLog, type NewEvent } from '../events/index.js';
import { NodeFactHandlers, type FactOf, type StoredSession } from '../nodes/index.js';
import { ChatRepository, toldChat } from './chat-repository.js';

type ChatFact = FactOf<'chats' | 'gap' | 'message.upsert'>;

interface StoredGap {
  chatId: string;
  from: Date;
  to: Date;
}

const GAPS = {
  name: 'chat_gaps_upsert',
  text: `INSERT INTO chat_gaps AS g (tenant_id, chat_id, from_at, to_at)
    SELECT $1, n.chat_id, n.from_at, min(n.to_at) FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[])
      AS n (chat_id, from_at, to_at) GROUP BY n.chat_id, n.from_at ORDER BY n.chat_id, n.from_at
    ON CONFLICT (tenant_id, chat_id, from_at) DO UPDATE SET to_at = excluded.to_at WHERE excluded.to_at < g.to_at
    RETURNING chat_id AS "chatId", from_at AS "from", to_at AS "to"`,
};

/** Stores the chats that nodes report, and the times of which they may lack messages. */
@Injectable()
export class ChatFacts implements OnModuleInit {
  constructor(
    private readonly handlers: NodeFactHandlers,
    private readonly chats: ChatRepository,
    private readonly events: EventLog,
  ) {}

  /** Chats of messages in the same batch are locked here too: rows are locked in one order, not in two rounds. */
  onModuleInit(): void {
    this.handlers.registerAll(['chats', 'gap', 'message.upsert'], async (tx, session, facts) => {
      if (facts.some(({ kind }) => kind !== 'message.upsert')) await this.store(tx, session, facts);
    });
  }

  private async store(tx: Query, session: StoredSession, facts: ChatFact[]): Promise<void> {
    const chats = facts.flatMap((fact) => {
      if (fact.kind === 'chats') return fact.chats;
      return fact.kind === 'gap' ? [fact.chat] : [fact.message.chat];
    });
    const stored = await this.chats.upsert(tx, session.tenantId, session.id, chats);
    const gaps = facts.flatMap((fact) => {
      const chatId = fact.kind === 'gap' ? stored.get(fact.chat.id)?.id : undefined;
      return fact.kind === 'gap' && chatId !== undefined ? [{ ...fact, chatId }] : [];
    });
    const byId = new Map([...stored.values()].map((chat) => [chat.id, chat]));
    if (gaps.length === 0) return;
    const told = await tx<StoredGap & object>(GAPS, [
      session.tenantId,
      gaps.map(({ chatId }) => chatId),
      gaps.map(({ from }) => from),
      gaps.map(({ to }) => to),
    ]);
    await this.events.append(
      tx,
      told.map(({ chatId, from, to }): NewEvent => ({
        tenantId: session.tenantId,
        sessionId: session.id,
        type: 'chat.gap',
        data: { chat: toldChat(byId.get(chatId)), from, to },
      })),
    );
  }
}
