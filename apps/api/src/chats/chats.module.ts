import { Module } from '@nestjs/common';
import { IdentitiesModule } from '../identities/index.js';
import { NodesModule } from '../nodes/index.js';
import { SessionsModule } from '../sessions/index.js';
import { ChatFacts } from './chat-facts.js';
import { ChatLookup } from './chat-lookup.js';
import { ChatRepository } from './chat-repository.js';
import { ChatsController } from './chats.controller.js';
import { ChatsService } from './chats.service.js';

@Module({
  imports: [IdentitiesModule, NodesModule, SessionsModule],
  controllers: [ChatsController],
  providers: [ChatFacts, ChatLookup, ChatRepository, ChatsService],
  exports: [ChatLookup, ChatRepository],
})
export class ChatsModule {}
