import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InboxFact } from '../drivers/driver.js';
import { InboxCursor } from './inbox-cursor.js';

const CHAT = '4915112345678@c.us';

function messageFact(
  id: string,
  changes: { fromMe?: boolean; ack?: number | null; type?: 'undecryptable' } = {},
): InboxFact {
  const { fromMe = false, ack = null, type } = changes;
  const person = { id: CHAT, phone: '4915112345678', lid: null, name: null };
  return {
    kind: 'message.upsert',
    message: {
      waKey: `${String(fromMe)}_${CHAT}_${id}`,
      waMessageId: id,
      fromMe,
      chat: { ...person, kind: 'person' },
      author: person,
      timestamp: new Date(1_000_000).toISOString(),
      content: type ? { type } : { type: 'text', text: 'hello' },
      quotedWaMessageId: null,
      ack,
      origin: 'live',
    },
  };
}

function reactionFact(id: string): InboxFact {
  const person = { id: CHAT, phone: '4915112345678', lid: null, name: null };
  const at = new Date(1_000_000).toISOString();
  return {
    kind: 'message.reactions',
    target: {
      waKey: `false_${CHAT}_${id}`,
      waMessageId: id,
      fromMe: false,
      chat: { ...person, kind: 'person' },
    },
    reactions: [{ sender: person, fromMe: false, emoji: '👍', at }],
    wholeAt: null,
  };
}

function ackFact(id: string, ack: number): InboxFact {
  const at = new Date().toISOString();
  return { kind: 'message.ack', waKey: `true_${CHAT}_${id}`, waMessageId: id, chatId: CHAT, ack, at };
}

describe('InboxCursor', () => {
  let folder: string;
  const load = (baseline = 500): Promise<InboxCursor> =>
    InboxCursor.load(join(folder, 'cursor.json'), baseline, (error) => {
      throw error;
    });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wagate-cursor-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('remembers how far each chat was taken, over restarts, and never goes back', async () => {
    const cursor = await load();
    expect(cursor.since([CHAT], 100)).toEqual({ sinceSeconds: 500 });
    cursor.advance(CHAT, 1_000);
    cursor.advance(CHAT, 900);
    await cursor.flush();
    const again = await load(5_000);
    expect(again.since([CHAT], 100)).toEqual({ sinceSeconds: 900, known: 1_000 });
    expect(again.since(['x@lid', CHAT], 5_000)).toEqual({ sinceSeconds: 500, known: 1_000 });
    expect(again.since(['other@c.us'], 100)).toEqual({ sinceSeconds: 500 });
  });

  it('reads somebody with two ids from where the one lags, and moves both', async () => {
    const cursor = await load();
    cursor.advance('1@lid', 700);
    cursor.advance(CHAT, 1_000);
    expect(cursor.since([CHAT, '1@lid'], 0)).toEqual({ sinceSeconds: 700, known: 700 });
    cursor.holdChat('1@lid', 1_101);
    cursor.advance(CHAT, 1_200, ['1@lid', '2@lid']);
    expect(cursor.since([CHAT, '1@lid'], 0)).toEqual({ sinceSeconds: 1_100, known: 1_100 });
    expect(cursor.since(['2@lid'], 0)).toEqual({ sinceSeconds: 500 });
    cursor.advance(CHAT, 900, ['1@lid']);
    expect(cursor.since([CHAT], 0)).toEqual({ sinceSeconds: 1_100, known: 1_100 });
  });

  it('begins anew when the file is damaged', async () => {
    await writeFile(join(folder, 'cursor.json'), '{"version":1,');
    expect((await load(700)).since([CHAT], 100)).toEqual({ sinceSeconds: 700 });
    expect(JSON.parse(await readFile(join(folder, 'cursor.json'), 'utf8'))).toMatchObject({ baseline: 700 });
  });

  it('forgets what an earlier start knew when it is created anew', async () => {
    const path = join(folder, 'cursor.json');
    await (await load(500)).flush();
    await InboxCursor.create(path, 900, (error) => {
      throw error;
    });
    expect((await load(1_000)).since([CHAT], 100)).toEqual({ sinceSeconds: 900 });
  });

  it('does not pass what could not be reported until a new start', async () => {
    const cursor = await load();
    cursor.holdChat(CHAT, 800);
    cursor.hold(messageFact('A'));
    cursor.advance(CHAT, 900);
    expect(cursor.since([CHAT], 0)).toEqual({ sinceSeconds: 799, known: 799 });
    cursor.releaseHolds();
    cursor.advance(CHAT, 900);
    expect(cursor.since([CHAT], 0)).toEqual({ sinceSeconds: 900, known: 900 });
  });

  it('remembers over restarts what may be decrypted later', async () => {
    const cursor = await load();
    cursor.follow(messageFact('A', { type: 'undecryptable' }));
    cursor.follow(messageFact('B', { type: 'undecryptable' }));
    cursor.follow(messageFact('B'));
    await cursor.flush();
    expect((await load()).watchedKeys('undecryptable')).toEqual([`false_${CHAT}_A`]);
  });

  it('keeps what may be decrypted, however many reactions there are', async () => {
    const cursor = await load();
    cursor.follow(messageFact('A', { type: 'undecryptable' }));
    for (const id of ['A', ...Array.from({ length: 1_001 }, (_, count) => `R${String(count)}`)]) {
      cursor.follow(reactionFact(id));
    }
    expect(cursor.watchedKeys('undecryptable')).toEqual([`false_${CHAT}_A`]);
    const reactions = cursor.watchedKeys('reactions');
    expect([reactions.length, reactions[0]]).toEqual([1_000, `false_${CHAT}_R1`]);
  });

  it('follows own messages until their ack is final', async () => {
    const cursor = await load();
    for (const id of ['A', 'B', 'C']) cursor.follow(messageFact(id, { fromMe: true, ack: 0 }));
    cursor.follow(messageFact('D'));
    cursor.follow(ackFact('A', 1));
    cursor.follow(ackFact('B', 3));
    cursor.follow(ackFact('C', -1));
    await cursor.flush();
    const again = await load();
    expect(again.openKeys(1_000)).toEqual([`true_${CHAT}_A`]);
    expect(again.openKeys(1_000 + 8 * 86_400)).toEqual([]);
  });
});
