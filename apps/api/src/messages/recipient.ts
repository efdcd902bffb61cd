import { canonicalChatId, chatKind, type ChatKind } from '#contracts';
import { AppError } from '#kernel';
import { parsePhone } from '../phones/index.js';

/** Where a message goes. */
export interface Recipient {
  /** WhatsApp's chat id, canonical: `…@c.us`, `…@lid`, `…@g.us`. */
  chatId: string;
  kind: ChatKind;
  /** E.164 without +, where the recipient was given as one. */
  phone: string | null;
}

const RULE = 'must be a phone number with country code (E.164, + optional) or a WhatsApp chat id';
const MOST_REMEMBERED = 10_000;

/** Parsing a number costs about as much as storing a message, and the same ones come again and again. */
const remembered = new Map<string, Recipient>();

/**
 * Reads the `to` of a request: E.164 with or without +, or a full chat id.
 * Throws AppError `invalid_recipient` that says what is wrong with it.
 */
export function parseRecipient(to: string, path = 'to'): Recipient {
  const known = remembered.get(to);
  if (known) return known;
  const recipient = to.includes('@') ? parseChatId(to, path) : recipientOf(to, path);
  if (remembered.size >= MOST_REMEMBERED) remembered.clear();
  remembered.set(to, recipient);
  return recipient;
}

function parseChatId(to: string, path: string): Recipient {
  const chatId = canonicalChatId(to.trim());
  const kind = chatKind(chatId);
  if (!kind) throw invalid(path, `is not a WhatsApp chat id; ${RULE}`);
  if (kind === 'broadcast' || kind === 'newsletter') {
    throw invalid(path, 'is a status, broadcast or channel, to which this version does not send');
  }
  // A caller who knows the chat id knows more than the tables of number ranges, which are never up to date.
  return { chatId, kind, phone: chatId.endsWith('@c.us') ? chatId.slice(0, chatId.indexOf('@')) : null };
}

function recipientOf(to: string, path: string): Recipient {
  const phone = parsePhone(to);
  if ('broken' in phone) throw invalid(path, `${phone.broken}; ${RULE}`);
  return { chatId: `${phone.digits}@c.us`, kind: 'person', phone: phone.digits };
}

function invalid(path: string, why = RULE): AppError {
  return new AppError('invalid_recipient', `${path} ${why}`, {
    details: [{ path, message: why }],
    outcome: 'not_sent',
  });
}
