import { Injectable } from '@nestjs/common';
import { AppError } from '#kernel';
import type { AuthContext } from '../auth/index.js';
import { PersonReference } from '../identities/index.js';
import { SessionLookup } from '../sessions/index.js';
import { ChatRepository, type StoredChat } from './chat-repository.js';

/** Finds the chat a request means, as far as the key that asks may see it. */
@Injectable()
export class ChatLookup {
  constructor(
    private readonly chats: ChatRepository,
    private readonly people: PersonReference,
    private readonly sessions: SessionLookup,
  ) {}

  /**
   * @param reference id of a chat, phone number, or WhatsApp's chat id in either form
   * @param session whose chat it must be; chooses among sessions that have a chat with the same person
   * @throws AppError `not_found`, `wrong_key_mode`, `session_not_allowed`; `session_required` when several sessions
   *   have such a chat
   */
  async get(auth: AuthContext, reference: string, session?: string): Promise<StoredChat> {
    const chat = reference.startsWith('cht_')
      ? await this.byId(auth, reference, session)
      : await this.byWaId(auth, reference, session);
    if (!chat) throw noSuchChat();
    return chat;
  }

  private async byId(
    auth: AuthContext,
    id: string,
    session: string | undefined,
  ): Promise<StoredChat | undefined> {
    const named = session === undefined ? undefined : await this.sessions.resolve(auth, session);
    const chat = await this.chats.find(auth.tenantId, id);
    if (!chat || (named && named.id !== chat.sessionId)) return undefined;
    await this.sessions.resolve(auth, chat.sessionId).catch((error: unknown) => {
      throw error instanceof AppError && error.code === 'not_found' ? noSuchChat() : error;
    });
    return chat;
  }

  private async byWaId(
    auth: AuthContext,
    reference: string,
    session: string | undefined,
  ): Promise<StoredChat | undefined> {
    const sessionIds = await this.sessions.listIds(auth, session);
    const waIds = await this.people.formsOf(auth.tenantId, reference);
    if (!waIds) return undefined;
    const [chat, another] = await this.chats.findByWaIds(auth.tenantId, sessionIds, waIds);
    if (another) {
      throw new AppError('session_required', 'several sessions have this chat; name one in "session"');
    }
    return chat;
  }
}

function noSuchChat(): AppError {
  return new AppError('not_found', 'there is no such chat');
}
