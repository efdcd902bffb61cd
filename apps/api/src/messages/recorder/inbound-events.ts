import type { EventType, MessageContent } from '#contracts';
import type { NewEvent } from '../../events/index.js';
import type { StoredSession } from '../../nodes/index.js';
import type { HeldContent } from './content-repository.js';
import type { MessageToStore } from './message-to-store.js';

/** A message that was not known before: what came in, or was written on the phone. */
export function arrivalEvent(session: StoredSession, draft: MessageToStore): NewEvent {
  const { id, mediaId, quotedMessageId, message } = draft;
  const { fromMe, chat, author, content, waMessageId, quotedWaMessageId, timestamp } = message;
  return eventOf(session, arrivalType(fromMe, content), {
    messageId: id,
    waMessageId,
    chatId: chat.id,
    chat,
    from: author,
    ...said(content, mediaId),
    quoted: quotedWaMessageId === null ? null : { id: quotedMessageId, waMessageId: quotedWaMessageId },
    occurredAt: timestamp,
  });
}

/** One that could not be decrypted before says something now. */
export function decryptedEvent(session: StoredSession, message: HeldContent): NewEvent {
  return contentEvent(session, arrivalType(message.direction === 'out', message.content), message, {
    occurredAt: message.occurredAt,
  });
}

export function editedEvent(session: StoredSession, message: HeldContent): NewEvent {
  return contentEvent(session, 'message.edited', message, { editedAt: message.editedAt });
}

/** @param by who deleted it for everyone; null: WhatsApp does not say */
export function revokedEvent(session: StoredSession, message: HeldContent, by: unknown): NewEvent {
  const { id, waMessageId, chatId, revokedAt } = message;
  return eventOf(session, 'message.revoked', { messageId: id, waMessageId, chatId, by, revokedAt });
}

function contentEvent(
  session: StoredSession,
  type: EventType,
  { id, waMessageId, chatId, content, mediaId }: HeldContent,
  more: object,
): NewEvent {
  return eventOf(session, type, { messageId: id, waMessageId, chatId, ...said(content, mediaId), ...more });
}

function eventOf({ tenantId, id }: StoredSession, type: EventType, data: NewEvent['data']): NewEvent {
  return { tenantId, sessionId: id, type, data };
}

function arrivalType(fromMe: boolean, { type }: MessageContent): EventType {
  if (type === 'undecryptable') return 'message.undecryptable';
  return fromMe ? 'message.from_phone' : 'message.received';
}

/** The fields that a message's resource has for what it says. */
function said(content: MessageContent, mediaId: string | null) {
  return {
    type: content.type,
    text: content.type === 'text' ? content.text : null,
    caption: 'caption' in content ? content.caption : null,
    media: 'media' in content ? { id: mediaId, ...content.media } : null,
  };
}
