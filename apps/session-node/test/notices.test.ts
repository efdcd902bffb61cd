import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NodeFact } from '#contracts';
import { waitFor } from '../../../test/support/index.js';
import { NodeHarness } from './support/node-harness.js';

const ME = '4915112345821';
const FRIEND = '4915112345822';
const OTHER = '4915112345823';

type FactOf<K extends NodeFact['kind']> = Extract<NodeFact, { kind: K }>;

describe.each(['classic', '2026-09'] as const)('calls, groups and votes on build %s', (profile) => {
  const harness = new NodeHarness(profile);
  const session = harness.address();

  const factsOf = <K extends NodeFact['kind']>(kind: K): FactOf<K>[] =>
    harness.api.factsOf(kind, session.sessionId);
  const waitForFact = <K extends NodeFact['kind']>(
    kind: K,
    isIt: (fact: FactOf<K>) => boolean,
  ): Promise<FactOf<K>> =>
    waitFor(() => factsOf(kind).find(isIt), { what: `a fact ${kind}`, deadlineMs: 60_000 });
  const post = <T>(path: string, body: object) => harness.control<T>('POST', path, body);
  const receive = async (message: object = {}): Promise<string> => {
    const body = { from: FRIEND, to: ME, type: 'text', body: 'a text', ...message };
    return (await post<{ id: string }>('/messages', body)).id;
  };
  /** What the page told before this came through was reported before it. */
  const settled = async () => harness.waitForMessage(session, await receive());
  const change = (group: string, body: object) =>
    post<{ id: string }>(`/groups/${group}/changes`, { by: FRIEND, ...body });
  const whileAway = async (work: () => Promise<unknown>): Promise<void> => {
    await harness.command('session.stop', session);
    await work();
    harness.api.events.splice(0);
    await harness.command('session.start', { ...session, mode: 'test' });
    await harness.waitForState(session, 'connected');
  };

  beforeAll(async () => {
    await harness.start();
    for (const phone of [FRIEND, OTHER]) await post('/accounts', { phone, name: phone });
    await harness.link(session, ME);
    await settled();
  }, 120_000);
  afterAll(() => harness.stop(), 60_000);

  it('tells who calls, once for a call that the page sets with each of its states, also after a reload', async () => {
    const { id } = await post<{ id: string }>('/calls', { from: FRIEND, to: ME, isVideo: true });
    const call = await waitForFact('call', ({ callId }) => callId === id);
    expect(call).toMatchObject({
      chat: { id: `${FRIEND}@c.us`, kind: 'person' },
      from: { id: `${FRIEND}@c.us`, phone: FRIEND },
      isVideo: true,
    });
    expect(Math.abs(Date.now() - Date.parse(call.at))).toBeLessThan(60_000);
    await post(`/logins/${ME}/reload`, {});
    await settled();
    const next = await post<{ id: string }>('/calls', { from: FRIEND, to: ME, id });
    expect(next.id).toBe(id);
    await settled();
    expect(factsOf('call').filter(({ callId }) => callId === id)).toHaveLength(1);
  });

  it('tells of a call to a group that it is one', async () => {
    const group = await post<{ id: string }>('/groups', { subject: 'Callers', members: [FRIEND, ME] });
    const { id } = await post<{ id: string }>('/calls', { from: FRIEND, to: group.id });
    expect(await waitForFact('call', ({ callId }) => callId === id)).toMatchObject({
      chat: { id: group.id, kind: 'group' },
      from: null,
      isVideo: false,
    });
  });

  it('tells who joined, who left and what changed in a group, and stores no message for it', async () => {
    const group = await post<{ id: string }>('/groups', { subject: 'Team', members: [FRIEND, ME] });
    const added = await change(group.id, { change: 'add', members: [OTHER] });
    const renamed = await change(group.id, { change: 'subject', value: 'New team' });
    const left = await change(group.id, { change: 'leave', by: OTHER });
    const removed = await change(group.id, { change: 'remove', members: [ME] });
    const of = (id: string) => waitForFact('group.change', ({ waMessageId }) => waMessageId === id);
    expect(await of(added.id)).toMatchObject({
      chat: { id: group.id, kind: 'group' },
      change: 'add',
      by: { id: `${FRIEND}@c.us` },
      people: [{ id: `${OTHER}@c.us` }],
      value: null,
    });
    expect(await of(renamed.id)).toMatchObject({ change: 'subject', people: [], value: 'New team' });
    expect(await of(left.id)).toMatchObject({ change: 'leave', people: [{ id: `${OTHER}@c.us` }] });
    expect(await of(removed.id)).toMatchObject({ change: 'remove', people: [{ phone: ME }] });
    await settled();
    expect(factsOf('message.upsert').filter(({ message }) => message.chat.id === group.id)).toEqual([]);
  });

  it('tells what changed in a group while the session was away', async () => {
    const group = await post<{ id: string }>('/groups', { subject: 'Later', members: [FRIEND, ME] });
    await settled();
    let id = '';
    await whileAway(async () => {
      ({ id } = await change(group.id, { change: 'add', members: [OTHER] }));
    });
    await waitForFact('group.change', ({ waMessageId }) => waMessageId === id);
  });

  it('tells each vote with all that was chosen, the latest after a time away too', async () => {
    const id = await receive({ type: 'poll', body: 'Lunch?', choices: ['Yes', 'No', 'Later'] });
    expect((await harness.waitForMessage(session, id)).content).toEqual({
      type: 'poll',
      question: 'Lunch?',
      choices: ['Yes', 'No', 'Later'],
    });
    const vote = (choices: string[], from = FRIEND) => post(`/messages/${id}/vote`, { from, choices });
    const chose = (choices: string[]) => (fact: FactOf<'poll.vote'>) =>
      fact.target.waMessageId === id && JSON.stringify(fact.choices) === JSON.stringify(choices);
    await vote(['Yes', 'Later']);
    const first = await waitForFact('poll.vote', chose(['Yes', 'Later']));
    expect(first).toMatchObject({
      target: { fromMe: false, chat: { id: `${FRIEND}@c.us` } },
      voter: { id: `${FRIEND}@c.us`, phone: FRIEND },
      fromMe: false,
    });
    await vote(['No'], ME);
    expect(await waitForFact('poll.vote', chose(['No']))).toMatchObject({
      voter: { phone: ME },
      fromMe: true,
    });
    await whileAway(() => vote([]));
    const last = await waitForFact('poll.vote', chose([]));
    expect(Date.parse(last.at)).toBeGreaterThan(Date.parse(first.at));
  });
});
