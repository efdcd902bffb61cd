import type { NodeFact, WaChat, WaMessage, WaPerson, WaTarget } from '#contracts';
import type { TestApi, TestTenant } from '../../../test/support/start-api.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import type { PageBody } from './session-bodies.js';

/** Someone with two ids. */
export interface Two {
  phone: string;
  lid: string;
}

/** A person as a session names them that knows only the LID, only the phone, or both. */
export function named(
  { phone, lid }: Two,
  by: 'lid' | 'phone' | 'both',
  name: string | null = null,
): WaPerson {
  if (by === 'lid') return { id: lid, phone: null, lid, name };
  return { id: `${phone}@c.us`, phone, lid: by === 'both' ? lid : null, name };
}

export function chatWith(two: Two, by: 'lid' | 'phone' | 'both', name: string | null = null): WaChat {
  return { ...named(two, by, name), kind: 'person' };
}

export function targetIn(chat: WaChat, waMessageId: string, fromMe = false): WaTarget {
  return { waKey: `${String(fromMe)}_${chat.id}_${waMessageId}`, waMessageId, fromMe, chat };
}

/** A text from someone, told under one of their ids. */
export function textFrom(
  two: Two,
  by: 'lid' | 'phone' | 'both',
  waMessageId: string,
  changes: Partial<WaMessage> = {},
): NodeFact {
  const chat = chatWith(two, by);
  return {
    kind: 'message.upsert',
    message: {
      waKey: `false_${chat.id}_${waMessageId}`,
      waMessageId,
      fromMe: false,
      chat,
      author: named(two, by),
      timestamp: '2026-01-01T10:00:00.000Z',
      content: { type: 'text', text: `Text of ${waMessageId}` },
      quotedWaMessageId: null,
      ack: null,
      origin: 'live',
      ...changes,
    },
  };
}

export function pairOf(...pairs: Two[]): NodeFact {
  return { kind: 'identities', pairs };
}

export interface ToldEvent {
  type: string;
  data: Record<string, unknown>;
}

/** What a tenant was told, in the order of writing. */
export function eventsOf(api: TestApi, tenantId: string, prefix = ''): Promise<ToldEvent[]> {
  return api.database.workerSql((query) =>
    query<ToldEvent & object>(
      `SELECT type, data FROM events WHERE tenant_id = $1 AND starts_with(type, $2) ORDER BY position`,
      [tenantId, prefix],
    ),
  );
}

/** Every message a list gives, over all of its pages, the oldest first. */
export async function allMessages(tenant: TestTenant, path: string): Promise<MessageResource[]> {
  const all: MessageResource[] = [];
  let cursor: string | null = null;
  do {
    const more: string = cursor === null ? '' : `&cursor=${cursor}`;
    const joined = `${path}${path.includes('?') ? '&' : '?'}limit=100${more}`;
    const { status, body }: { status: number; body: PageBody<MessageResource> } =
      await tenant.client.get<PageBody<MessageResource>>(joined);
    if (status !== 200) throw new Error(`${joined} was answered ${String(status)}`);
    all.push(...body.data);
    cursor = body.nextCursor;
  } while (cursor !== null);
  return all.reverse();
}
