import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NodeFact } from '#contracts';
import { waitFor } from '../../../test/support/index.js';
import { NodeHarness, textSend } from './support/node-harness.js';

const ME = '4915112345721';
const FRIEND = '4915112345722';
const OTHER = '4915112345723';
const GHOST = '4915112345724';

interface Cursor {
  chats: Record<string, number>;
}

type FactOf<K extends NodeFact['kind']> = Extract<NodeFact, { kind: K }>;

describe.each(['classic', '2026-09'] as const)('what becomes of messages, on build %s', (profile) => {
  const harness = new NodeHarness(profile);
  const session = harness.address();

  const receive = async (message: object): Promise<string> =>
    (
      await harness.control<{ id: string }>('POST', '/messages', {
        from: FRIEND,
        to: ME,
        type: 'text',
        body: 'first',
        ...message,
      })
    ).id;
  const change = (id: string, what: string, body: object) =>
    harness.control('POST', `/messages/${id}/${what}`, body);
  const factsOf = <K extends NodeFact['kind']>(kind: K): FactOf<K>[] =>
    harness.api.factsOf(kind, session.sessionId);
  const isAbout = (fact: NodeFact, id: string): boolean => 'target' in fact && fact.target.waMessageId === id;
  const waitForFact = <K extends NodeFact['kind']>(
    kind: K,
    isIt: (fact: FactOf<K>) => boolean,
  ): Promise<FactOf<K>> =>
    waitFor(() => factsOf(kind).find(isIt), { what: `a fact ${kind}`, deadlineMs: 60_000 });
  const messagesOf = (id: string) =>
    factsOf('message.upsert')
      .map(({ message }) => message)
      .filter(({ waMessageId }) => waMessageId === id);
  /** The page is away while this is done, and its browser is a new one afterwards. */
  const whileAway = async (work: () => Promise<unknown>): Promise<void> => {
    await harness.command('session.stop', session);
    await work();
    harness.api.events.splice(0);
    await harness.command('session.start', { ...session, mode: 'test' });
    await harness.waitForState(session, 'connected');
  };
  /** Resolves when the new document reports again. */
  const reload = async (): Promise<void> => {
    await harness.control('POST', `/logins/${ME}/reload`);
    await harness.waitForMessage(session, await receive({ body: 'after the reload' }));
  };
  const keyOf = (id: string, fromMe = false): string => `${String(fromMe)}_${FRIEND}@c.us_${id}`;

  beforeAll(async () => {
    await harness.start();
    for (const phone of [FRIEND, OTHER]) await harness.control('POST', '/accounts', { phone, name: phone });
    await harness.control('POST', '/accounts', { phone: GHOST, name: 'Ghost', lidOnly: true });
    await harness.link(session, ME);
  }, 120_000);
  afterAll(() => harness.stop(), 60_000);

  it('tells each edit with its time and the key of the message', async () => {
    const id = await receive({});
    await harness.waitForMessage(session, id);
    const before = Date.now();
    await change(id, 'edit', { body: 'second' });
    const first = await waitForFact('message.edit', (fact) => isAbout(fact, id));
    expect(first).toMatchObject({
      target: { waKey: keyOf(id), fromMe: false, chat: { id: `${FRIEND}@c.us`, kind: 'person' } },
      content: { type: 'text', text: 'second' },
    });
    expect(Date.parse(first.editedAt)).toBeGreaterThanOrEqual(before - 1_000);
    await change(id, 'edit', { body: 'third' });
    const next = await waitForFact(
      'message.edit',
      ({ content }) => content.type === 'text' && content.text === 'third',
    );
    expect(Date.parse(next.editedAt)).toBeGreaterThan(Date.parse(first.editedAt));
  });

  it('tells a revoke with who and when, of theirs and of ours', async () => {
    const id = await receive({});
    await harness.waitForMessage(session, id);
    await change(id, 'revoke', {});
    const revoke = await waitForFact('message.revoke', (fact) => isAbout(fact, id));
    expect(revoke).toMatchObject({ target: { waKey: keyOf(id) }, by: { id: `${FRIEND}@c.us` } });
    expect(Math.abs(Date.now() - Date.parse(revoke.at))).toBeLessThan(60_000);
    expect(messagesOf(id)).toHaveLength(1);

    const order = textSend(`${FRIEND}@c.us`, 'ours');
    await harness.command('message.send', { ...session, ...order });
    await waitFor(
      async () =>
        (await harness.control<{ id: string }[]>('GET', `/sent?from=${ME}`)).some(
          (sent) => sent.id === order.waMessageId,
        ),
      { what: 'the message to be handed over' },
    );
    await change(order.waMessageId, 'revoke', {});
    const own = await waitForFact('message.revoke', (fact) => isAbout(fact, order.waMessageId));
    expect(own).toMatchObject({
      target: { waKey: keyOf(order.waMessageId, true), fromMe: true },
      by: { phone: ME },
    });
  });

  it('names the admin who deleted a message of somebody else in a group', async () => {
    const group = await harness.control<{ id: string }>('POST', '/groups', {
      subject: 'Friends',
      members: [OTHER, FRIEND, ME],
    });
    const id = await receive({ to: group.id });
    const message = await harness.waitForMessage(session, id);
    await change(id, 'revoke', { by: OTHER });
    expect(await waitForFact('message.revoke', (fact) => isAbout(fact, id))).toMatchObject({
      target: { waKey: message.waKey, chat: { id: group.id, kind: 'group' } },
      by: { id: `${OTHER}@c.us` },
    });
  });

  it('tells a reaction, the next one, and that it was taken back; of others and of ourselves', async () => {
    const id = await receive({});
    await harness.waitForMessage(session, id);
    const told: FactOf<'message.reactions'>[] = [];
    for (const emoji of ['👍', '❤️', '']) {
      await change(id, 'react', { from: FRIEND, emoji });
      told.push(
        await waitForFact(
          'message.reactions',
          (fact) =>
            isAbout(fact, id) &&
            fact.wholeAt === null &&
            fact.reactions.some((reaction) => (reaction.emoji ?? '') === emoji),
        ),
      );
    }
    const times = told.map(({ reactions }) => Date.parse(reactions[0]?.at ?? ''));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(told[0]).toMatchObject({
      target: { waKey: keyOf(id) },
      reactions: [{ sender: { id: `${FRIEND}@c.us` }, fromMe: false, emoji: '👍' }],
    });
    await change(id, 'react', { from: ME, emoji: '🙏' });
    const own = await waitForFact('message.reactions', ({ reactions }) => reactions[0]?.emoji === '🙏');
    expect(own.reactions).toMatchObject([{ sender: { phone: ME }, fromMe: true }]);
  });

  it('tells a message that is decrypted in time once, as what it says', async () => {
    await harness.control('POST', '/faults', { kind: 'ciphertext', phone: ME, times: 1, ms: 500 });
    const id = await receive({ body: 'a secret' });
    expect((await harness.waitForMessage(session, id)).content).toEqual({ type: 'text', text: 'a secret' });
    expect(messagesOf(id)).toHaveLength(1);
  });

  // It takes a quarter of a minute until a message counts as undecryptable; the builds do not differ in it.
  if (profile === '2026-09') {
    it('updates an undecryptable message under the same key when it is decrypted after all', async () => {
      await harness.control('POST', '/faults', { kind: 'ciphertext', phone: ME, times: 1, ms: 16_000 });
      const id = await receive({ body: 'a secret' });
      await waitFor(() => messagesOf(id).length === 2, { what: 'both', deadlineMs: 60_000 });
      const [undecryptable, text] = messagesOf(id);
      expect(undecryptable?.content).toEqual({ type: 'undecryptable' });
      expect(text?.content).toEqual({ type: 'text', text: 'a secret' });
      expect(text?.waKey).toBe(undecryptable?.waKey);
    }, 90_000);
  }

  it('tells what was written on the phone as ours', async () => {
    const id = await receive({ from: ME, to: FRIEND, body: 'from the phone' });
    expect(await harness.waitForMessage(session, id)).toMatchObject({
      waKey: keyOf(id, true),
      fromMe: true,
      chat: { id: `${FRIEND}@c.us` },
      author: { phone: ME },
      content: { type: 'text', text: 'from the phone' },
    });
  });

  it('tells of one person under one id, whichever id a message comes with', async () => {
    const ids = [
      await receive({ address: 'lid' }),
      await receive({ address: 'phone' }),
      await receive({ address: 'lid' }),
      await receive({ from: ME, to: FRIEND, address: 'phone' }),
    ];
    const messages = [];
    for (const id of ids) messages.push(await harness.waitForMessage(session, id));
    const { lid } = await accountOf(FRIEND);
    for (const { chat } of messages) {
      expect(chat).toMatchObject({ id: `${FRIEND}@c.us`, phone: FRIEND, lid: `${lid}@lid` });
    }
    const told = factsOf('identities').flatMap(({ pairs }) => pairs);
    expect(told.filter(({ phone }) => phone === FRIEND)).toEqual([{ phone: FRIEND, lid: `${lid}@lid` }]);
  });

  it('tells who somebody is when their number is learnt later', async () => {
    const { lid } = await accountOf(GHOST);
    const unknown = await harness.waitForMessage(session, await receive({ from: GHOST }));
    expect(unknown.chat).toMatchObject({ id: `${lid}@lid`, phone: null });
    await harness.control('POST', '/accounts', { phone: GHOST, name: 'Ghost', lidOnly: false });
    const known = await harness.waitForMessage(session, await receive({ from: GHOST }));
    expect(known.chat).toMatchObject({ id: `${GHOST}@c.us`, lid: `${lid}@lid` });
    await waitForFact('identities', ({ pairs }) => pairs.some(({ phone }) => phone === GHOST));
  });

  const accountOf = async (wanted: string): Promise<{ phone: string; lid: string }> => {
    const accounts = await harness.control<{ phone: string; lid: string }[]>('GET', '/accounts');
    const found = accounts.find(({ phone }) => phone === wanted);
    if (!found) throw new Error('no such account');
    return found;
  };

  it('finds what was changed while it was away', async () => {
    const ids: string[] = [];
    for (let count = 0; count < 5; count += 1) ids.push(await receive({ body: `old ${String(count)}` }));
    const [edited = '', revoked = '', reacted = '', taken = '', both = ''] = ids;
    for (const id of ids) await harness.waitForMessage(session, id);
    await change(taken, 'react', { from: FRIEND, emoji: '👍' });
    await waitForFact('message.reactions', (fact) => isAbout(fact, taken));
    let late = '';
    await whileAway(async () => {
      await change(edited, 'edit', { body: 'edited' });
      await change(revoked, 'revoke', {});
      await change(reacted, 'react', { from: FRIEND, emoji: '👍' });
      await change(taken, 'react', { from: FRIEND, emoji: '' });
      await change(both, 'react', { from: FRIEND, emoji: '👍' });
      await change(both, 'revoke', {});
      late = await receive({ body: 'late' });
      await change(late, 'edit', { body: 'late, edited' });
    });
    expect(await waitForFact('message.edit', (fact) => isAbout(fact, edited))).toMatchObject({
      content: { text: 'edited' },
    });
    await waitForFact('message.revoke', (fact) => isAbout(fact, revoked));
    await waitForFact('message.revoke', (fact) => isAbout(fact, both));
    const found = await waitForFact('message.reactions', (fact) => isAbout(fact, reacted));
    expect(found).toMatchObject({ reactions: [{ emoji: '👍', fromMe: false }] });
    const empty = await waitForFact('message.reactions', (fact) => isAbout(fact, taken));
    expect(empty).toMatchObject({ reactions: [] });
    expect(empty.wholeAt).not.toBeNull();
    expect((await harness.waitForMessage(session, late)).content).toEqual({
      type: 'text',
      text: 'late, edited',
    });
    const order = harness.api.events.map(({ fact }) => fact);
    const at = (isIt: (fact: NodeFact) => boolean): number => order.findIndex(isIt);
    expect(at((fact) => fact.kind === 'message.edit' && isAbout(fact, late))).toBeGreaterThan(
      at((fact) => fact.kind === 'message.upsert' && fact.message.waMessageId === late),
    );
  }, 120_000);

  it('tells of a gap when the page lost what lies before the cursor', async () => {
    const known = await harness.waitForMessage(session, await receive({ from: OTHER }));
    const knownSeconds = Date.parse(known.timestamp) / 1000;
    await reload();
    const cursorPath = join(harness.folder, 'profiles', session.sessionId, 'cursor.json');
    await waitFor(
      async () =>
        (JSON.parse(await readFile(cursorPath, 'utf8')) as Cursor).chats[`${OTHER}@c.us`] === knownSeconds,
      { what: 'the cursor to move', deadlineMs: 60_000 },
    );
    await harness.control('POST', `/logins/${ME}/forget`, { chat: OTHER, keep: 0 });
    await waitFor(() => Date.now() / 1000 > knownSeconds + 1, { what: 'the next second' });
    const { timestamp } = await harness.waitForMessage(session, await receive({ from: OTHER }));
    await reload();
    const gap = await waitForFact('gap', ({ chat }) => chat.id === `${OTHER}@c.us`);
    expect(gap).toMatchObject({ from: known.timestamp, to: timestamp });
  }, 90_000);

  it('counts an event without a key once, and says nothing of what it was', async () => {
    await harness.control('POST', '/faults', { kind: 'missingKey', phone: ME, times: 1 });
    await harness.waitForMessage(session, await receive({ body: 'nameless' }));
    const { counts } = await waitForFact('quarantine', (fact) => fact.counts.no_key > 0);
    expect(counts).toEqual({ no_key: 1, unreadable: 0, refused: 0 });
    expect(JSON.stringify(factsOf('quarantine'))).not.toContain('nameless');
    const { body } = await harness.command('session.diagnostics', session);
    expect(body.quarantinedEvents).toBe(1);
  });
});
