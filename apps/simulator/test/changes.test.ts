import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WAWebJS from 'whatsapp-web.js';
import { type Simulator, startSimulator } from '../src/index.js';
import type { PhoneMessage } from '../src/network/phone-message.js';
import type { Fault } from '../src/wire.js';
import { PlainLibrary, event, eventually } from './plain-library.js';

/** What happens to messages after they were sent, and the ids they come under, as the plain library sees it. */

const ME = '12025550100';
const ANNA = '12025550101';
const BEN = '12025550102';

interface Page {
  require(name: 'WAWebCollections'): {
    Msg: { getModelsArray(): PageMsg[] };
    Chat: { getModelsArray(): { id: object; msgs: { length: number } }[] };
    Reactions: { find(id: object): Promise<{ reactions: { serialize(): unknown[] } } | undefined> };
  };
}

interface Address {
  user: string;
  server: string;
}

interface PageMsg {
  id: { id: string; remote: Address; fromMe: boolean };
  type: string;
  body?: string;
  latestEditSenderTimestampMs?: number;
  revokeTimestamp?: number;
  revokeSender?: Address;
  hasReaction?: boolean;
}

describe.each(['classic', '2026-09'] as const)('on build %s', (profile) => {
  let simulator: Simulator;
  let library: PlainLibrary;
  let client: WAWebJS.Client;

  beforeAll(async () => {
    simulator = await startSimulator({ profile });
    for (const phone of [ME, ANNA, BEN]) simulator.network.putAccount({ phone, name: phone });
    library = await PlainLibrary.create(simulator);
    client = await library.link(ME);
  });
  afterAll(async () => {
    await library?.close();
    await simulator?.close();
  });

  const say = (message: Partial<PhoneMessage> = {}): { id: string; from: string; to: string } => {
    const text = { from: ANNA, to: ME, type: 'text' as const, body: 'hello' };
    const { id, from, to } = simulator.network.conversation.sendFromPhone({ ...text, ...message }).record
      .message;
    return { id, from, to };
  };
  /** A message as the page has it, with everything said about it. */
  const inPage = (id: string) =>
    client.pupPage?.evaluate(async (wanted) => {
      const { Msg, Reactions } = (window as unknown as Page).require('WAWebCollections');
      const found = Msg.getModelsArray().filter((msg) => msg.id.id === wanted);
      return Promise.all(
        found.map(async (msg) => ({
          type: msg.type,
          body: msg.body,
          remote: `${msg.id.remote.user}@${msg.id.remote.server}`,
          fromMe: msg.id.fromMe,
          editedMs: msg.latestEditSenderTimestampMs,
          revokedBy: msg.revokeSender && `${msg.revokeSender.user}@${msg.revokeSender.server}`,
          revokedAt: msg.revokeTimestamp,
          hasReaction: msg.hasReaction === true,
          reactions: (await Reactions.find(msg.id))?.reactions.serialize() as
            { aggregateEmoji: string; senders: { senderUserJid: string; timestamp: number }[] }[] | undefined,
        })),
      );
    }, id);
  const shown = (
    id: string,
    isIt: (msg: NonNullable<Awaited<ReturnType<typeof inPage>>>[number]) => boolean,
  ) => eventually(async () => (await inPage(id))?.find(isIt));
  const restart = async (): Promise<void> => {
    await client.destroy();
    await eventually(() => simulator.network.logins.of(ME).find((login) => !login.connected));
    client = library.client();
    await client.initialize();
    await eventually(() => simulator.network.logins.of(ME).find((login) => login.connected));
  };
  const arrange = async (fault: Omit<Fault, 'id'>): Promise<void> => {
    simulator.network.faults.add(fault);
    await client.getNumberId(ANNA);
  };
  const addressOf = (phone: string): string => {
    const { lid } = simulator.network.accounts.get(phone, 'phone');
    return profile === 'classic' ? `${phone}@c.us` : `${lid}@lid`;
  };

  test('edits, deletions and reactions are kept, also what happened while the page was away', async () => {
    const { conversation } = simulator.network;
    const [edited, revoked, reacted, taken] = [say(), say(), say(), say()];
    conversation.react(taken, ANNA, '👍');
    await shown(taken.id, ({ reactions }) => reactions?.length === 1);
    await client.destroy();
    const before = Date.now();
    conversation.edit(edited, 'hello again');
    conversation.revoke(revoked);
    conversation.react(reacted, ANNA, '👍');
    conversation.react(reacted, ME, '👍');
    conversation.react(taken, ANNA, '');
    client = library.client();
    await client.initialize();
    const edit = await shown(edited.id, ({ body }) => body === 'hello again');
    expect(edit.editedMs).toBeGreaterThanOrEqual(before);
    const gone = await shown(revoked.id, ({ type }) => type === 'revoked');
    expect(gone).toMatchObject({ revokedBy: addressOf(ANNA) });
    expect(gone.revokedAt).toBeGreaterThanOrEqual(Math.floor(before / 1000));
    const { reactions } = await shown(reacted.id, (msg) => msg.reactions?.[0]?.senders.length === 2);
    expect(reactions).toMatchObject([{ aggregateEmoji: '👍' }]);
    expect(reactions?.[0]?.senders.map(({ senderUserJid }) => senderUserJid).sort()).toEqual(
      [addressOf(ANNA), addressOf(ME)].sort(),
    );
    await shown(taken.id, (msg) => msg.reactions?.length === 0 && !msg.hasReaction);
    await restart();
    await shown(revoked.id, ({ type }) => type === 'revoked');
    await shown(reacted.id, (msg) => msg.hasReaction);
  });

  test('an admin can delete for everyone in a group, nobody else', async () => {
    const group = simulator.network.addGroup('Friends', [BEN, ANNA, ME]);
    const key = say({ to: group.id });
    await shown(key.id, () => true);
    expect(() => simulator.network.conversation.revoke(key, undefined, ME)).toThrow('admins');
    simulator.network.conversation.revoke(key, undefined, BEN);
    const gone = await shown(key.id, ({ type }) => type === 'revoked');
    expect(gone.revokedBy).toBe(addressOf(BEN));
  });

  test('messages of one person come under the LID and under the number, in two chats', async () => {
    const byLid = say({ from: BEN, address: 'lid' });
    const byPhone = say({ from: BEN, address: 'phone' });
    const { lid } = simulator.network.accounts.get(BEN, 'phone');
    expect((await shown(byLid.id, () => true)).remote).toBe(`${lid}@lid`);
    expect((await shown(byPhone.id, () => true)).remote).toBe(`${BEN}@c.us`);
    await restart();
    expect((await shown(byLid.id, () => true)).remote).toBe(`${lid}@lid`);
    expect((await shown(byPhone.id, () => true)).remote).toBe(`${BEN}@c.us`);
  });

  test('a number that is hidden can be shown later', async () => {
    const ghost = simulator.network.putAccount({ phone: '12025550103', name: 'Ghost', lidOnly: true });
    const first = say({ from: ghost.phone });
    expect((await shown(first.id, () => true)).remote).toBe(`${ghost.lid}@lid`);
    simulator.network.putAccount({ phone: ghost.phone, name: 'Ghost', lidOnly: false });
    const next = say({ from: ghost.phone });
    expect((await shown(next.id, () => true)).remote).toBe(addressOf(ghost.phone));
  });

  test('what could not be decrypted can be after a restart', async () => {
    const key = say({ body: 'a secret', decryptedAfterMs: 1_500 });
    await shown(key.id, ({ type }) => type === 'ciphertext');
    await restart();
    expect((await shown(key.id, ({ type }) => type === 'chat')).body).toBe('a secret');
  });

  test('a page can lose the history of a chat', async () => {
    const ids = [say(), say(), say()].map(({ id }) => id);
    for (const id of ids) await shown(id, () => true);
    simulator.network.forgetHistory(ME, ANNA, 1);
    await eventually(async () => (await inPage(ids[1] ?? ''))?.length === 0);
    expect(await inPage(ids[2] ?? '')).toHaveLength(1);
    await restart();
    await shown(ids[2] ?? '', () => true);
    expect(await inPage(ids[0] ?? '')).toHaveLength(0);
  });

  test('a sync can end late, while messages come in', async () => {
    await arrange({ kind: 'syncLateMs', phone: ME, times: 1, ms: 2_000 });
    const synced = () =>
      client.pupPage?.evaluate(() => {
        const page = window as unknown as { require(name: string): { Socket: { hasSynced: boolean } } };
        return page.require('WAWebSocketModel').Socket.hasSynced;
      });
    simulator.network.drop(ME, 0);
    await eventually(async () => (await synced()) === false);
    await eventually(() => simulator.network.logins.of(ME).find((login) => login.connected));
    const meanwhile = say({ body: 'meanwhile' });
    await shown(meanwhile.id, () => true);
    expect(await synced()).toBe(false);
    await eventually(synced);
  });

  test('navigations within the page make the library inject again', async () => {
    const injecting = client as unknown as { inject(): Promise<void> };
    const inject = injecting.inject.bind(client);
    const injections: Promise<void>[] = [];
    injecting.inject = () => {
      const injection = inject();
      injections.push(injection);
      return injection;
    };
    await arrange({ kind: 'navigates', phone: ME, times: 1 });
    await eventually(() => injections.length >= 3);
    await Promise.allSettled(injections);
    await shown(say({ body: 'after it' }).id, () => true);
  });
});

test('personas react, edit, delete, write under two ids, and cannot be read at first', async () => {
  const simulator = await startSimulator({ profile: 'classic' });
  const library = await PlainLibrary.create(simulator);
  try {
    for (const persona of ['changes-its-mind', 'two-ids', 'unreadable'] as const) {
      const phone = `1202555011${String(['changes-its-mind', 'two-ids', 'unreadable'].indexOf(persona) + 6)}`;
      simulator.network.putAccount({ phone, name: persona, persona });
    }
    const client = await library.link(ME);
    const from: string[] = [];
    client.on('message', (message) => from.push(message.from));
    const reaction = event<WAWebJS.Reaction>(client, 'message_reaction');
    const edit = event<WAWebJS.Message>(client, 'message_edit');
    const revoke = event<WAWebJS.Message>(client, 'message_revoke_everyone');
    await client.sendMessage('12025550116@c.us', 'Will you come?');
    expect((await reaction).reaction).toBe('👍');
    expect((await edit).body).toBe('I will not come.');
    await revoke;
    await client.sendMessage('12025550117@c.us', 'Who are you?');
    const { lid } = simulator.network.accounts.get('12025550117', 'phone');
    await eventually(() => from.includes(`${lid}@lid`) && from.includes('12025550117@c.us'));
    const ciphertext = event<WAWebJS.Message>(client, 'message_ciphertext');
    await client.sendMessage('12025550118@c.us', 'Can you read this?');
    expect((await ciphertext).body).toBe('');
  } finally {
    await library.close();
    await simulator.close();
  }
});
