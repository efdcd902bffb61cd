import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { WaMsg, WaReactionSender } from './wa.js';

const FRIEND = '4915112345678@c.us';
const SINCE = 1_700_000_000;
const SENDER: WaReactionSender = { senderUserJid: FRIEND, reactionText: '👍', timestamp: (SINCE + 5) * 1000 };

function message(id: string, changes: Partial<WaMsg> = {}): WaMsg {
  const remote = { user: '4915112345678', server: 'c.us' };
  return { id: { fromMe: false, remote, id }, type: 'chat', body: 'hello', t: SINCE, ...changes };
}

/** What the page's collection of reactions answers: who reacted, or that it does not know the message. */
type Answer = WaReactionSender[] | undefined | Error;

describe('what became of messages, as the page tells it', () => {
  let models: WaMsg[] = [];
  let answer: Answer;
  const find = (): Promise<unknown> => {
    if (answer instanceof Error) return Promise.reject(answer);
    const senders = answer;
    return Promise.resolve(
      senders && { reactions: { getModelsArray: () => (senders.length > 0 ? [{ senders }] : []) } },
    );
  };
  const modules: Record<string, unknown> = {
    WAWebCollections: {
      Msg: {
        getModelsArray: () => models,
        get: (text: string) => models.find(({ id }) => text.endsWith(id?.id ?? '')),
      },
      Chat: { get: () => undefined },
      Contact: { get: () => undefined },
      Reactions: { find },
    },
    WAWebWidFactory: {
      createWid: (text: string) => ({ user: text.split('@')[0], server: text.split('@')[1] }),
    },
    WAWebApiContact: { getCurrentLid: () => undefined, getPhoneNumber: () => undefined },
  };

  beforeEach(() => vi.stubGlobal('window', { require: (name: string) => modules[name] }));
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  const edited = { latestEditSenderTimestampMs: (SINCE + 9) * 1000, hasReaction: true };

  it('tells an edit whose reactions cannot be read, and that not all was read', async () => {
    const { changesSince } = await import('./changes.js');
    models = [message('A', edited), message('B', { type: 'revoked', hasReaction: true })];
    answer = new Error('the store is busy');
    const { items, isWhole } = await changesSince(SINCE, SINCE, 0);
    expect(items.map(({ kind }) => kind)).toEqual(['edit', 'revoke']);
    expect(isWhole).toBe(false);
    answer = [SENDER];
    const all = await changesSince(SINCE, SINCE, 0);
    expect(all.items.map(({ kind }) => kind)).toEqual(['edit', 'reactions', 'revoke', 'reactions']);
    expect(all.isWhole).toBe(true);
  });

  it.each([
    ['a message that the page does not know', undefined, {}],
    ['reactions that are not loaded', [], { hasReaction: true }],
    ['a reaction without a time', [SENDER, { ...SENDER, timestamp: undefined }], { hasReaction: true }],
  ] as [string, Answer, Partial<WaMsg>][])('says nothing of %s', async (_what, given, changes) => {
    const { reactionsOf } = await import('./reactions.js');
    answer = given;
    expect(await reactionsOf(message('A', changes))).toBeUndefined();
  });

  it('tells that all reactions were taken back when the page knows it', async () => {
    const { reactionsOf } = await import('./reactions.js');
    answer = [];
    expect(await reactionsOf(message('A'))).toMatchObject({ reactions: [], whole: true });
  });

  it('tells how single messages stand a piece at a time, also without their reactions', async () => {
    const { standOf } = await import('./changes.js');
    models = [message('A', edited), message('B')];
    answer = new Error('the store is busy');
    const keys = ['A', 'B'].map((id) => `false_${FRIEND}_${id}`);
    const whole = await standOf(keys, 0);
    expect(whole.items.map(({ kind }) => kind)).toEqual(['message', 'edit', 'message']);
    expect(whole.next).toBeNull();
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => (now += 6_000));
    const first = await standOf(keys, 0);
    expect([first.items.length, first.next]).toEqual([2, 1]);
    const second = await standOf(keys, 1);
    expect([second.items.length, second.next]).toEqual([1, null]);
  });
});
