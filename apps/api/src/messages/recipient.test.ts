import { describe, expect, it } from 'vitest';
import { isAppError } from '#kernel';
import { parseRecipient } from './recipient.js';

describe('the recipient of a message', () => {
  it.each([
    ['+4915123456789', '4915123456789@c.us', 'person', '4915123456789'],
    ['4915123456789', '4915123456789@c.us', 'person', '4915123456789'],
    ['+49 1512 345-6789', '4915123456789@c.us', 'person', '4915123456789'],
    ['4915123456789@c.us', '4915123456789@c.us', 'person', '4915123456789'],
    ['4915123456789@s.whatsapp.net', '4915123456789@c.us', 'person', '4915123456789'],
    ['120363041234567890@g.us', '120363041234567890@g.us', 'group', null],
    ['4915123456789-1612345678@g.us', '4915123456789-1612345678@g.us', 'group', null],
    ['123456789012345@lid', '123456789012345@lid', 'person', null],
  ])('reads %s', (to, chatId, kind, phone) => {
    expect(parseRecipient(to)).toEqual({ chatId, kind, phone });
  });

  it.each([
    ['', 'not a phone number'],
    ['hello', 'not a phone number'],
    ['+49', 'short'],
    ['015123456789', 'country code'],
    ['+49151234567890123456', 'long'],
    ['+999123456789', 'country code'],
    ['+12345', 'short|exists'],
    ['+15550001', 'short|exists'],
    ['4915123456789@example.com', 'not a WhatsApp chat id'],
    ['abc@g.us', 'not a WhatsApp chat id'],
    ['12@c.us', 'not a WhatsApp chat id'],
    ['status@broadcast', 'does not send'],
    ['12345678901@newsletter', 'does not send'],
  ])('refuses %s and says why', (to, why) => {
    const error = catchError(() => parseRecipient(to));
    expect(isAppError(error, 'invalid_recipient')).toBe(true);
    if (isAppError(error)) {
      expect(error.details[0]?.path).toBe('to');
      expect(error.details[0]?.message).toMatch(new RegExp(why));
      if (to) expect(error.message).not.toContain(to);
    }
  });
});

function catchError(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
