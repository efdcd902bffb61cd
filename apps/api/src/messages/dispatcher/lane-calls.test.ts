import { describe, expect, it } from 'vitest';
import { LARGE_TRANSFER_BYTES } from '#contracts';
import type { ClaimedMessage } from './claimed-message.js';
import { LaneCalls } from './lane-calls.js';

const session = { tenantId: 't', sessionId: 's', epoch: 1, nodeName: 'n', nodeUrl: 'u', bootId: 'b' };

function message(chatId: string, mediaSize: number | null): ClaimedMessage {
  const content = { type: 'text' as const, text: 'Hi' };
  const flags = { linkPreview: false, typing: false, crashes: 0, attempt: 1 };
  const rest = { waMessageId: 'w', content, expiresAt: null, objectKey: null, quotedWaKey: null };
  return { session, id: chatId, chatId, mediaSize, ...flags, ...rest };
}

describe('the calls of a lane', () => {
  it('are of one large file at a time, which others overtake', () => {
    const calls = new LaneCalls();
    const [one, other] = [message('1', LARGE_TRANSFER_BYTES), message('2', LARGE_TRANSFER_BYTES)];
    const small = [message('3', LARGE_TRANSFER_BYTES - 1), message('4', null)];
    calls.begin(one);
    expect(calls.next([other])).toBeUndefined();
    for (const each of small) {
      expect(calls.next([other, each])).toBe(each);
      calls.begin(each);
    }
    for (const each of small) calls.end(each);
    expect(calls.next([other])).toBeUndefined();
    calls.end(one);
    expect(calls.next([other])).toBe(other);
  });
});
