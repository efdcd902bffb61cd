import { afterEach, describe, expect, it, vi } from 'vitest';
import { SystemClock } from '#kernel';
import type { Page } from 'puppeteer';
import { foundOf } from './converters/index.js';
import { PageAgent } from './page-agent.js';
import type { PageAgentApi, RawItem, RawMessage } from './page/agent-api.js';
import { WebjsInbox } from './webjs-inbox.js';

const CHAT = '4915112345678@c.us';
const key = (id: string) => ({ fromMe: true, remote: CHAT, id, participant: null });

/** The inbox of a page whose script answers like this. */
function inboxOf(answers: Partial<PageAgentApi>): WebjsInbox {
  vi.stubGlobal('window', { wagateAgent: answers });
  const evaluate = (run: (...given: unknown[]) => unknown, ...given: unknown[]): Promise<unknown> =>
    Promise.resolve(run(...given));
  return new WebjsInbox(() => new PageAgent({ evaluate } as unknown as Page), new SystemClock());
}

describe('WebjsInbox', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('tells the acks that the contract knows, whatever stands beside them', async () => {
    const acksOf = () => Promise.resolve([7, 2, -7, 1.5].map((ack) => ({ ...key(String(ack)), ack })));
    expect(await inboxOf({ acksOf }).acksOf([])).toMatchObject([{ kind: 'message.ack', ack: 2 }]);
  });

  it('says where a signalled message stands that makes no fact', async () => {
    const person = { id: CHAT, phone: null, lid: null, name: null };
    const message: RawMessage = {
      ...key('A'),
      chat: person,
      author: person,
      t: 1_700_000_000,
      type: 'chat',
      body: 'hello',
      caption: null,
      media: null,
      location: null,
      vcards: [],
      poll: null,
      quotedId: null,
      ack: 1,
    };
    const items: RawItem[] = [1, 99].map((ack) => ({ kind: 'message', message: { ...message, ack } }));
    const drained = await inboxOf({ drain: () => ({ items, keyless: [], more: false }) }).drain(9);
    expect(drained.facts).toHaveLength(1);
    expect(drained.unreported).toMatchObject([{ reason: 'unreadable' }]);
    expect(drained.unreportedAt).toEqual([{ chatId: CHAT, seconds: 1_700_000_000 }]);
  });
});

describe('what a look-up found', () => {
  it('is told of all but the messages that cannot be read', () => {
    const found = { ...key('A'), ack: 1, t: 1_700_000_000 };
    expect(
      [found, { ...found, ack: -7 }, { ...found, t: NaN }, { ...found, t: 1e300 }].flatMap(foundOf),
    ).toEqual([{ waMessageId: 'A', waKey: `true_${CHAT}_A`, ack: 1, timestamp: '2023-11-14T22:13:20.000Z' }]);
  });
});
