import { describe, expect, it } from 'vitest';
import { nodeFactSchema } from '#contracts';
import type { RawItem, RawMessage } from '../page/agent-api.js';
import { ackFact, contentOf, factOf, messageFact, sha256Of } from './index.js';

const PERSON = { id: '4915112345678@c.us', phone: '4915112345678', lid: '987654321@lid', name: 'Friend' };
const HASH = 'a'.repeat(64);

function raw(changes: Partial<RawMessage>): RawMessage {
  return {
    fromMe: false,
    remote: PERSON.id,
    id: '3EB0AABBCCDDEEFF0011',
    participant: null,
    chat: PERSON,
    author: PERSON,
    t: 1_790_000_000,
    type: 'chat',
    body: null,
    caption: null,
    media: null,
    location: null,
    vcards: [],
    poll: null,
    quotedId: null,
    ack: 0,
    ...changes,
  };
}

const MEDIA = {
  mimeType: 'image/png',
  filename: null,
  size: 3,
  filehash: Buffer.from(HASH, 'hex').toString('base64'),
};
const DESCRIPTOR = { mimeType: 'image/png', filename: null, size: 3, sha256: HASH };

describe('converters', () => {
  it.each([
    [
      { type: 'chat', body: 'hello' },
      { type: 'text', text: 'hello' },
    ],
    [
      { type: 'chat', body: 'x'.repeat(70_000) },
      { type: 'text', text: 'x'.repeat(65_536) },
    ],
    [
      { type: 'image', caption: 'see', media: MEDIA },
      { type: 'image', caption: 'see', media: DESCRIPTOR },
    ],
    [
      { type: 'video', caption: '', media: MEDIA },
      { type: 'video', caption: null, media: DESCRIPTOR },
    ],
    [
      { type: 'ptt', media: MEDIA },
      { type: 'voice', caption: null, media: DESCRIPTOR },
    ],
    [
      { type: 'audio', media: MEDIA },
      { type: 'audio', caption: null, media: DESCRIPTOR },
    ],
    [
      { type: 'sticker', media: MEDIA },
      { type: 'sticker', caption: null, media: DESCRIPTOR },
    ],
    [
      { type: 'document', media: { ...MEDIA, filename: 'a.pdf', filehash: 'short' } },
      { type: 'document', caption: null, media: { ...DESCRIPTOR, filename: 'a.pdf', sha256: null } },
    ],
    [
      { type: 'location', location: { latitude: 1, longitude: 2, name: null } },
      { type: 'location', latitude: 1, longitude: 2, name: null },
    ],
    [{ type: 'location' }, { type: 'unsupported', waType: 'location' }],
    [
      { type: 'multi_vcard', vcards: ['BEGIN:VCARD'] },
      { type: 'contacts', vcards: ['BEGIN:VCARD'] },
    ],
    [
      { type: 'poll_creation', poll: { question: 'When?', choices: ['now'] } },
      { type: 'poll', question: 'When?', choices: ['now'] },
    ],
    [{ type: 'ciphertext' }, { type: 'undecryptable' }],
    [{ type: 'order' }, { type: 'unsupported', waType: 'order' }],
  ] as [Partial<RawMessage>, object][])(
    'turns %o into our words, valid by the contract',
    (changes, content) => {
      expect(contentOf(raw(changes))).toEqual(content);
      expect(nodeFactSchema.parse(messageFact(raw(changes), 'live'))).toBeDefined();
    },
  );

  it('builds the key from its parts, and tells an ack of own messages only', () => {
    const { message } = messageFact(raw({ participant: PERSON.id, remote: '123456789@g.us' }), 'sweep');
    expect(message).toMatchObject({
      waKey: `false_123456789@g.us_3EB0AABBCCDDEEFF0011_${PERSON.id}`,
      chat: { kind: 'group' },
      timestamp: '2026-09-21T14:13:20.000Z',
      ack: null,
      origin: 'sweep',
    });
    expect(messageFact(raw({ fromMe: true, ack: 2 }), 'live').message.ack).toBe(2);
  });

  it.each([
    {
      kind: 'group',
      change: {
        id: '3EB0AA',
        chat: PERSON,
        change: 'x'.repeat(99),
        by: { ...PERSON, name: 'x'.repeat(9_999) },
        people: Array.from({ length: 5_000 }, () => PERSON),
        value: 'x'.repeat(99_999),
        t: 1_790_000_000,
      },
    },
    {
      kind: 'vote',
      vote: {
        target: { ...raw({}), id: '3EB0AA' },
        voter: PERSON,
        fromMe: false,
        choices: Array.from({ length: 500 }, () => 'x'.repeat(9_999)),
        atMs: 1_790_000_000_000,
      },
    },
  ] satisfies RawItem[])('shortens what is longer than a fact may be: a $kind', (item) => {
    const fact = factOf(item, 'live', new Date());
    expect(nodeFactSchema.safeParse(fact).error).toBeUndefined();
  });

  it('tells an ack with the same key', () => {
    const at = new Date(0);
    const ack = ackFact({ fromMe: true, remote: PERSON.id, id: 'X', participant: null, ack: -1 }, at);
    expect(ack).toMatchObject({ waKey: `true_${PERSON.id}_X`, ack: -1, at: at.toISOString() });
  });

  it('reads only a SHA-256 as one', () => {
    expect(sha256Of(Buffer.from(HASH, 'hex').toString('base64'))).toBe(HASH);
    expect(sha256Of('AAAA')).toBeNull();
    expect(sha256Of(null)).toBeNull();
  });
});
