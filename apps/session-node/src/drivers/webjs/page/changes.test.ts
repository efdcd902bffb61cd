import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RawItem } from './agent-api.js';
import type { WaMsg, WaReactionSender, WaVote } from './wa.js';

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
  let votes: WaVote[] | Error = [];
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
    WAWebUserPrefsMeUser: { getMaybeMePnUser: () => undefined, getMaybeMeLidUser: () => undefined },
    WAWebPollsVotesSchema: {
      getTable: () => ({
        equals: () => (votes instanceof Error ? Promise.reject(votes) : Promise.resolve(votes)),
      }),
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

  const poll = message('P', {
    type: 'poll_creation',
    pollOptions: [
      { localId: 0, name: 'Yes' },
      { localId: 1, name: 'No' },
    ],
  });
  const vote = (chosen: unknown, seconds = SINCE + 5) =>
    ({ author: FRIEND, senderTimestampMs: seconds * 1000, selectedOptionLocalIds: chosen }) as WaVote;
  const choicesIn = (items: RawItem[]) =>
    items.map((item) => (item.kind === 'vote' ? item.vote.choices : item.kind));

  it('tells all votes of a poll that could not be read before, and lets it hold nothing back', async () => {
    const { changesSince } = await import('./changes.js');
    models = [poll, message('A', { latestEditSenderTimestampMs: (SINCE + 9) * 1000 })];
    votes = new Error('the store is busy');
    const first = await changesSince(SINCE, SINCE, 0);
    expect([first.isWhole, choicesIn(first.items)]).toEqual([true, ['edit']]);
    votes = [vote([1], SINCE - 5)];
    expect(choicesIn((await changesSince(SINCE, SINCE, 0)).items)).toEqual([['No'], 'edit']);
    expect(choicesIn((await changesSince(SINCE, SINCE, 0)).items)).toEqual(['edit']);
  });

  it.each([
    ['all that was chosen', Uint8Array.of(0, 1).buffer, ['Yes', 'No']],
    ['a vote that was taken back', [], []],
    ['not that a vote was taken back that names something else', [0, 7], null],
    ['not that a vote was taken back that names other ids', ['a1b2'], null],
    ['not that a vote was taken back that names nothing', undefined, null],
  ])('tells %s', async (_what, chosen, choices) => {
    const { votesOf } = await import('./votes.js');
    votes = [vote(chosen)];
    expect(choicesIn(await votesOf(poll))).toEqual([choices]);
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
