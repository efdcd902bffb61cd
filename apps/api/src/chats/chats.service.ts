import { Injectable } from '@nestjs/common';
import type { AuthContext } from '../auth/index.js';
import { readPage, toPage, type Page } from '../http/index.js';
import { SessionLookup } from '../sessions/index.js';
import { ChatLookup } from './chat-lookup.js';
import { ChatRepository, type StoredChat } from './chat-repository.js';
import type { ChatView, ListChatsQuery } from './chats.dto.js';

const LIST = 'chats';
/** Microseconds since 1970, of years that Postgres knows. */
const POSITION = [/^-?\d{1,17}$/, /^cht_[0-9a-z]{26}$/];

/** Chats as a tenant reads them. */
@Injectable()
export class ChatsService {
  constructor(
    private readonly chats: ChatRepository,
    private readonly lookup: ChatLookup,
    private readonly sessions: SessionLookup,
  ) {}

  async list(auth: AuthContext, query: ListChatsQuery): Promise<Page<ChatView>> {
    const page = readPage(LIST, query, POSITION);
    const sessionIds = await this.sessions.listIds(auth, query.session);
    const [activeAt, id] = page.after ?? [];
    const after = activeAt !== undefined && id !== undefined ? { activeAt, id } : undefined;
    const filter = { sessionIds, kind: query.kind, search: query.search };
    const rows = await this.chats.list(auth.tenantId, filter, page.limit + 1, after);
    return toPage(LIST, query, rows, (row) => [row.activeAt, row.id], chatView);
  }

  async get(auth: AuthContext, id: string, session?: string): Promise<ChatView> {
    return chatView(await this.lookup.get(auth, id, session));
  }
}

export function chatView(chat: StoredChat): ChatView {
  return {
    id: chat.id,
    sessionId: chat.sessionId,
    waId: chat.waId,
    kind: chat.kind,
    name: chat.name,
    phone: chat.phone,
    lid: chat.lid,
    lastMessageId: chat.lastMessageId,
    lastMessageAt: chat.lastMessageAt?.toISOString() ?? null,
    gaps: chat.gaps.map(({ from, to }) => ({
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
    })),
    createdAt: chat.createdAt.toISOString(),
    updatedAt: chat.updatedAt.toISOString(),
  };
}
