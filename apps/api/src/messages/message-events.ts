import type { EventType, MessageStatus } from '#contracts';
import type { NewEvent } from '../events/index.js';
import type { MessageState } from './message-changes.js';
import { errorOf } from './message-resource.js';

/** What a tenant is told when a message gets a status; of the others there is nothing to tell. */
const TYPE_OF_STATUS: Partial<Record<MessageStatus, EventType>> = {
  sent: 'message.sent',
  delivered: 'message.delivered',
  read: 'message.read',
  played: 'message.read',
  failed: 'message.failed',
  expired: 'message.expired',
  unknown: 'message.unknown',
  unknown_final: 'message.unknown',
};

/** The events of messages that have just got the status they have. */
export function statusEvents(messages: readonly MessageState[]): NewEvent[] {
  return messages.flatMap((message): NewEvent[] => {
    const type = TYPE_OF_STATUS[message.status];
    if (!type) return [];
    const { tenantId, sessionId } = message;
    return [{ tenantId, sessionId, type, data: statusData(message) }];
  });
}

function statusData(message: MessageState): NewEvent['data'] {
  const { id, chatId, status, ack, waMessageId, sentAt, deliveredAt, readAt } = message;
  return {
    messageId: id,
    chatId,
    status,
    ack,
    error: errorOf(message),
    waMessageId,
    sentAt,
    deliveredAt,
    readAt,
  };
}
