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
import { ReportedFacts } from './reported-facts.js';

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
  const whole: Omit<SweptChat, 'chatId'> = {
    facts: [],
    unreported: [],
    oldestUnreportedSeconds: null,
    complete: true,
    resumeSeconds: null,
    endsSeconds: null,
    failure: null,
  };
  return {
    drain: () => Promise.resolve({ facts: [], unreported: [], unreportedAt: [], more: false }),
    chatHeads: () => Promise.resolve(heads),
    sweep: (wishes) => Promise.resolve(wishes.map(({ chatId }) => ({ ...whole, chatId, ...chats[chatId] }))),
    changesSince: () => Promise.resolve({ facts: [], unreported: [], next: null, isWhole: true }),
    standOf: () => Promise.resolve({ facts: [], unreported: [], next: null }),
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

  const cursors = async (): Promise<Record<string, number>> =>
    (JSON.parse(await readFile(join(folder, 'cursor.json'), 'utf8')) as { chats: Record<string, number> })
      .chats;

  /** @returns the cursors of the chats once the whole store was swept */
  const sweep = async (inbox: DriverInbox, sweepIntervalMs = 60_000): Promise<Record<string, number>> => {
    const cursor = await InboxCursor.load(join(folder, 'cursor.json'), 1_000, (error) => {
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
      reported: new ReportedFacts(),
      onUnreported: (events) => keyless.push(...events.map(({ event }) => event)),
      sweepIntervalMs,
    });
    pump.start();
    await waitFor(() => swept, { what: 'the end of the sweep' });
    await cursor.flush();
    return cursors();
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
        'a@c.us': {
          unreported: [{ reason: 'no_key', event: '{"type":"chat"}' }],
          oldestUnreportedSeconds: SECONDS - 10,
        },
        'b@c.us': {
          unreported: [{ reason: 'no_key', event: '{"type":"image"}' }],
          oldestUnreportedSeconds: 0,
        },
      }),
    );
    expect(chats).toEqual({ 'a@c.us': SECONDS - 11 });
    expect(keyless).toEqual(['{"type":"chat"}', '{"type":"image"}']);
  });

  it('keeps the cursor before a message that the page signalled and that it could not read', async () => {
    const inbox = inboxOf({ 'a@c.us': {}, 'b@c.us': {} });
    let isFirst = true;
    // The first sweep finds nothing yet; then comes the signal, then the next sweeps.
    await sweep(
      {
        ...inbox,
        chatHeads: () => (isFirst ? Promise.resolve([]) : inbox.chatHeads()),
        drain: async (limit) => {
          if (!isFirst) return inbox.drain(limit);
          isFirst = false;
          const unreportedAt = [{ chatId: 'a@c.us', seconds: SECONDS - 10 }];
          return {
            facts: [],
            unreported: [{ reason: 'unreadable', event: '{}' }],
            unreportedAt,
            more: false,
          };
        },
      },
      20,
    );
    const chats = await waitFor(
      async () => {
        const known = await cursors();
        return 'b@c.us' in known ? known : undefined;
      },
      { what: 'the cursor of the other chat' },
    );
    expect(keyless).toEqual(['{}']);
    expect(chats).toEqual({ 'a@c.us': SECONDS - 11, 'b@c.us': SECONDS });
  });

  it('reads a chat piece by piece, and moves its cursor after the last', async () => {
    const asked: number[] = [];
    const inbox = inboxOf({ 'a@c.us': {} });
    const chats = await sweep({
      ...inbox,
      sweep: async (wishes) => {
        asked.push(...wishes.map(({ sinceSeconds }) => sinceSeconds));
        const [chat] = await inbox.sweep(wishes);
        const isFirst = asked.length === 1;
        return chat ? [isFirst ? { ...chat, complete: false, resumeSeconds: SECONDS - 5 } : chat] : [];
      },
    });
    expect(asked).toEqual([1_000, SECONDS - 5]);
    expect(chats).toEqual({ 'a@c.us': SECONDS });
  });

  it('reads changes again from the same time when the page could not tell all of them', async () => {
    const changes = async (): Promise<number> =>
      (JSON.parse(await readFile(join(folder, 'cursor.json'), 'utf8')) as { changes: number }).changes;
    const inbox = inboxOf({});
    const piece = { facts: [], unreported: [], next: null };
    await sweep({ ...inbox, changesSince: () => Promise.resolve({ ...piece, isWhole: false }) });
    expect(await changes()).toBe(1_000);
    pump?.stop();
    await sweep(inbox);
    expect(await changes()).toBeGreaterThan(SECONDS);
  });

  it('goes on with a sweep, and does not begin it anew, when single messages cannot be looked at', async () => {
    const message = messageOf('a@c.us');
    if (message.kind === 'message.upsert') message.message.content = { type: 'undecryptable' };
    const asked: boolean[] = [];
    const looked: number[] = [];
    const inbox = inboxOf({ 'a@c.us': { facts: [message] } });
    await sweep(
      {
        ...inbox,
        sweep: (wishes) => {
          asked.push(...wishes.map(({ again }) => again));
          return inbox.sweep(wishes);
        },
        chatHeads: async () =>
          (await inbox.chatHeads()).map((head) => ({
            ...head,
            newestSeconds: Math.floor(Date.now() / 1000),
          })),
        standOf: (keys) => {
          looked.push(keys.length);
          return Promise.reject(new Error('the page did not answer'));
        },
      },
      20,
    );
    await waitFor(() => looked.length >= 3, { what: 'further sweeps' });
    expect(looked.every((count) => count === 1)).toBe(true);
    expect(asked.filter((again) => again)).toHaveLength(1);
  });

  it('tells of a gap when the store does not reach back to the cursor', async () => {
    await sweep(inboxOf({ 'a@c.us': {} }));
    const later = inboxOf({ 'a@c.us': { endsSeconds: SECONDS + 50 } });
    await sweep({
      ...later,
      chatHeads: () =>
        Promise.resolve([{ chatId: 'a@c.us', aliases: ['1@lid'], newestSeconds: SECONDS + 90 }]),
    });
    expect(pushed.filter(({ kind }) => kind === 'gap')).toMatchObject([
      { chat: { id: 'a@c.us', lid: '1@lid' }, from: isoOf(SECONDS), to: isoOf(SECONDS + 50) },
    ]);
  });
});

function isoOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
