import { Injectable } from '@nestjs/common';
import type { ChatRow } from '#database';
import { AppError } from '#kernel';
import type { AuthContext } from '../auth/index.js';
import { SessionLookup } from '../sessions/index.js';
import { ChatRepository } from './chat-repository.js';

/** Finds the chat a request means, as far as the key that asks may see it. */
@Injectable()
export class ChatLookup {
  constructor(
    private readonly chats: ChatRepository,
    private readonly sessions: SessionLookup,
  ) {}

  /** @throws AppError `not_found`, `wrong_key_mode`, `session_not_allowed` */
  async get(auth: AuthContext, chatId: string): Promise<ChatRow> {
    const chat = await this.chats.find(auth.tenantId, chatId);
    if (!chat) throw noSuchChat();
    await this.sessions.resolve(auth, chat.sessionId).catch((error: unknown) => {
      throw error instanceof AppError && error.code === 'not_found' ? noSuchChat() : error;
    });
    return chat;
  }
}

function noSuchChat(): AppError {
  return new AppError('not_found', 'there is no such chat');
}
