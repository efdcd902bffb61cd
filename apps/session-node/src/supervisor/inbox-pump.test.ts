import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NodeFact } from '#contracts';
import { SystemClock } from '#kernel';
import { waitFor } from '../../../../test/support/index.js';
import type { DriverInbox, InboxFact, SweptChat } from '../drivers/driver.js';
import { InboxCursor } from './inbox-cursor.js';
import { InboxPump } from './inbox-pump.js';

const SECONDS = 1_700_000_000;

function messageOf(chatId: string): InboxFact {
  const person = { id: chatId, phone: null, lid: null, name: null };
  return {
    kind: 'message.upsert',
    message: {
      waKey: `false_${chatId}_A`,
      waMessageId: 'A',
      fromMe: false,
      chat: { ...person, kind: 'person' },
      author: person,
      timestamp: new Date(SECONDS * 1000).toISOString(),
      content: { type: 'text', text: 'hello' },
      quotedWaMessageId: null,
      ack: null,
      origin: 'sweep',
    },
  };
}

/** A page whose store holds these chats, each with one message of {@link SECONDS}. */
function inboxOf(chats: Record<string, Partial<SweptChat>>): DriverInbox {
  const heads = Object.keys(chats).map((chatId) => ({ chatId, aliases: [], newestSeconds: SECONDS }));
  const whole = { facts: [], keyless: [], oldestKeylessSeconds: null, complete: true, failure: null };
  return {
    drain: () => Promise.resolve({ facts: [], keyless: [], more: false }),
    chatHeads: () => Promise.resolve(heads),
    sweep: (wishes) => Promise.resolve(wishes.map(({ chatId }) => ({ ...whole, chatId, ...chats[chatId] }))),
    acksOf: () => Promise.resolve([]),
    directory: () => Promise.resolve({ chats: [], contacts: [] }),
  };
}

describe('InboxPump', () => {
  let folder: string;
  let pump: InboxPump | undefined;
  const pushed: NodeFact[] = [];
  const keyless: string[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wagate-pump-'));
    pushed.length = 0;
    keyless.length = 0;
  });
  afterEach(async () => {
    pump?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** @returns the cursors of the chats once the whole store was swept */
  const sweep = async (inbox: DriverInbox): Promise<Record<string, number>> => {
    const path = join(folder, 'cursor.json');
    const cursor = await InboxCursor.load(path, 1_000, (error) => {
      throw error;
    });
    let swept = false;
    pump = new InboxPump({
      cursor,
      inbox: {
        ...inbox,
        directory: () => {
          swept = true;
          return inbox.directory();
        },
      },
      clock: new SystemClock(),
      log: pino({ level: 'silent' }),
      sink: {
        push: (_address, fact) => pushed.push(fact),
        whenTaken: (_sessionId, callback) => callback(),
        room: () => Promise.resolve(),
        pending: () => 0,
      },
      address: () => ({ tenantId: 'tnt_1', sessionId: 'ses_1', epoch: 1 }),
      onFact: () => undefined,
      onKeyless: (events) => keyless.push(...events),
      sweepIntervalMs: 60_000,
    });
    pump.start();
    await waitFor(() => swept, { what: 'the end of the sweep' });
    await cursor.flush();
    return (JSON.parse(await readFile(path, 'utf8')) as { chats: Record<string, number> }).chats;
  };

  it('reports the other chats when one cannot be read, and does not pass that one', async () => {
    const failing = { complete: false, failure: 'reading the chat failed with TypeError' };
    const chats = await sweep(inboxOf({ 'a@c.us': failing, 'b@c.us': { facts: [messageOf('b@c.us')] } }));
    expect(chats).toEqual({ 'b@c.us': SECONDS });
    expect(pushed.filter(({ kind }) => kind === 'message.upsert')).toHaveLength(1);
  });

  it('keeps the cursor before a message that it could not read', async () => {
    const chats = await sweep(
      inboxOf({
        'a@c.us': { keyless: ['{"type":"chat"}'], oldestKeylessSeconds: SECONDS - 10 },
        'b@c.us': { keyless: ['{"type":"image"}'], oldestKeylessSeconds: 0 },
      }),
    );
    expect(chats).toEqual({ 'a@c.us': SECONDS - 11 });
    expect(keyless).toEqual(['{"type":"chat"}', '{"type":"image"}']);
  });
});
