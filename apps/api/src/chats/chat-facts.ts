import { Injectable, type OnModuleInit } from '@nestjs/common';
import { NodeFactHandlers } from '../nodes/index.js';
import { ChatRepository } from './chat-repository.js';

/** Stores the chats that nodes report. */
@Injectable()
export class ChatFacts implements OnModuleInit {
  constructor(
    private readonly handlers: NodeFactHandlers,
    private readonly chats: ChatRepository,
  ) {}

  onModuleInit(): void {
    this.handlers.register('chats', async (tx, session, facts) => {
      await this.chats.upsert(
        tx,
        session.tenantId,
        session.id,
        facts.flatMap((fact) => fact.chats),
      );
    });
  }
}
