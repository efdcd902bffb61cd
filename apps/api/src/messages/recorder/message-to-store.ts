import type { MessageContent, MessageStatus, WaMessage } from '#contracts';
import { newId } from '#kernel';

/** A reported message that is not stored yet, with the ids it gets. */
export interface MessageToStore {
  id: string;
  mediaId: string | null;
  quotedMessageId: string | null;
  message: WaMessage;
}

export function draftOf(message: WaMessage, quotedMessageId: string | null): MessageToStore {
  return {
    id: newId('msg'),
    mediaId: 'media' in message.content ? newId('med') : null,
    quotedMessageId,
    message,
  };
}

/** Of a message written on the phone: it has left, and its ack tells how far it came. */
export function statusOf({ fromMe, ack }: WaMessage): MessageStatus {
  if (!fromMe) return 'received';
  if (ack !== null && ack < 0) return 'failed';
  return (['sent', 'sent', 'delivered', 'read', 'played'] as const)[ack ?? 0] ?? 'sent';
}

export function mediaOf(content: MessageContent) {
  return 'media' in content ? content.media : undefined;
}
