import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WAWebJS from 'whatsapp-web.js';
import { type Simulator, startSimulator } from '../src/index.js';
import { PlainLibrary, event, eventually } from './plain-library.js';

/** What the 2026-09 build of the page breaks in the library as it comes from npm. */

const ME = '12025550100';
const ANNA = '12025550101';
const STRANGER = '12025550102';

interface LoadingPage {
  require(name: 'WAWebCollections'): { Chat: { getModelsArray(): unknown[] } };
  require(name: 'WAWebChatLoadMessages'): { loadEarlierMsgs: (asked: unknown) => Promise<unknown[]> };
}

interface DownloadingPage {
  require(name: 'WAWebDownloadManager'): {
    downloadManager: { downloadAndMaybeDecrypt(source: object): Promise<ArrayBuffer> };
  };
}

let simulator: Simulator;
let library: PlainLibrary;
let client: WAWebJS.Client;

beforeAll(async () => {
  simulator = await startSimulator();
  simulator.network.putAccount({ phone: ME, name: 'Me' });
  simulator.network.putAccount({ phone: ANNA, name: 'Anna' });
  simulator.network.putAccount({ phone: STRANGER, name: 'Stranger' });
  simulator.network.conversation.sendFromPhone({
    from: ANNA,
    to: ME,
    type: 'text',
    body: 'we know each other',
  });
  library = await PlainLibrary.create(simulator);
  client = await library.link(ME);
});

afterAll(async () => {
  await library?.close();
  await simulator?.close();
});

test('1: a key has `$1` instead of `_serialized`; a text is sent, and the caller gets nothing', async () => {
  const received = event<WAWebJS.Message>(client, 'message');
  simulator.network.conversation.sendFromPhone({ from: ANNA, to: ME, type: 'text', body: 'hello' });
  const message = await received;
  expect(message.id._serialized).toBeUndefined();
  expect((message.id as unknown as { $1: string }).$1).toMatch(/^false_\d+@lid_AC/);

  expect(await client.sendMessage(`${ANNA}@c.us`, 'are you there?')).toBeUndefined();
  const sent = await eventually(() => simulator.network.messages.list('login', { to: ANNA })[0]);
  expect(sent).toMatchObject({ handOvers: 1, message: { body: 'are you there?' } });
});

test('1 and 10: chats that have received something cannot be listed, and the failure says `r: r`', async () => {
  expect(await client.getChats().catch(String)).toBe('r: r');
});

test('3: media cannot be sent', async () => {
  const media = new WAWebJS.MessageMedia('image/png', randomBytes(1_000).toString('base64'));
  await expect(client.sendMessage(`${ANNA}@c.us`, media)).rejects.toThrow(
    'Data passed to getter must include an id property',
  );
});

test('4 and 10: media cannot be downloaded; without a mimetype the page refuses with `t: t`', async () => {
  const received = event<WAWebJS.Message>(client, 'message');
  const media = { bytes: randomBytes(1_000), mimetype: 'image/png' };
  simulator.network.conversation.sendFromPhone({ from: ANNA, to: ME, type: 'image', media });
  const message = await received;
  expect(message.hasMedia).toBe(true);
  expect(await message.downloadMedia().catch(String)).toBe('r: r');

  const { directPath } = (message as unknown as { rawData: { directPath: string } }).rawData;
  const failure = await client.pupPage
    ?.evaluate(async (path) => {
      const page = window as unknown as DownloadingPage;
      const { downloadManager } = page.require('WAWebDownloadManager');
      await downloadManager.downloadAndMaybeDecrypt({ directPath: path, type: 'image' });
    }, directPath)
    .catch(String);
  expect(failure).toBe('t: t');
});

test('11: a number that was never resolved cannot be written to', async () => {
  await expect(client.sendMessage(`${STRANGER}@c.us`, 'hello')).rejects.toThrow('No LID for user');
  expect((await client.getNumberId(STRANGER))?._serialized).toBe(`${STRANGER}@c.us`);
  await client.sendMessage(`${STRANGER}@c.us`, 'hello');
  await eventually(() => simulator.network.messages.list('login', { to: STRANGER })[0]);
});

test('11: groups are addressed by LID, and somebody known by LID only has no number', async () => {
  const ghost = simulator.network.putAccount({ phone: '12025550103', name: 'Ghost', lidOnly: true });
  const received = event<WAWebJS.Message>(client, 'message');
  simulator.network.conversation.sendFromPhone({ from: ghost.phone, to: ME, type: 'text', body: 'boo' });
  const message = await received;
  expect(message.from).toBe(`${ghost.lid}@lid`);
  expect(JSON.stringify((message as unknown as { rawData: object }).rawData)).not.toContain(ghost.phone);

  const group = simulator.network.addGroup('Friends', [ANNA, ME]);
  const inGroup = event<WAWebJS.Message>(client, 'message');
  simulator.network.conversation.sendFromPhone({ from: ANNA, to: group.id, type: 'text', body: 'hi all' });
  const { lid } = simulator.network.accounts.get(ANNA, 'phone');
  expect(await inGroup).toMatchObject({ from: group.id, author: `${lid}@lid` });
});

test('11: in a chat that stands under a number, because something came under it, acks are told too', async () => {
  const came = event<WAWebJS.Message>(client, 'message');
  simulator.network.conversation.sendFromPhone({
    from: ANNA,
    to: ME,
    type: 'text',
    body: 'by my number',
    address: 'phone',
  });
  expect(await came).toMatchObject({ from: `${ANNA}@c.us` });
  await client.sendMessage(`${ANNA}@c.us`, 'to your number');
  const acks = await eventually(() =>
    client.pupPage?.evaluate(() => {
      const page = window as unknown as {
        require(name: string): {
          Msg: {
            getModelsArray(): {
              body?: string;
              ack: number;
              id: { remote: { user: string; server: string } };
            }[];
          };
        };
      };
      const sent = page
        .require('WAWebCollections')
        .Msg.getModelsArray()
        .filter(({ body }) => body === 'to your number');
      return sent.some(({ ack }) => ack >= 1)
        ? sent.map(({ id: { remote } }) => `${remote.user}@${remote.server}`)
        : undefined;
    }),
  );
  expect(acks).toEqual([`${ANNA}@c.us`]);
});

test('12: earlier messages are loaded with one options object', async () => {
  const loaded = await client.pupPage?.evaluate(async () => {
    const page = window as unknown as LoadingPage;
    const [chat] = page.require('WAWebCollections').Chat.getModelsArray();
    const { loadEarlierMsgs } = page.require('WAWebChatLoadMessages');
    return [await loadEarlierMsgs({ chat }), await loadEarlierMsgs(chat).catch(String)];
  });
  expect(loaded).toEqual([[], 't']);
});

test('2: on a warm start the page has synced before anybody listens, so `ready` never comes', async () => {
  await client.destroy();
  client = library.client();
  let readies = 0;
  client.on('ready', () => (readies += 1));
  await client.initialize();
  await eventually(() => simulator.network.logins.of(ME).find((login) => login.connected));
  const synced = () =>
    client.pupPage?.evaluate(() => {
      const page = window as unknown as {
        require(name: string): { Socket: { state: string; hasSynced: boolean } };
      };
      const { state, hasSynced } = page.require('WAWebSocketModel').Socket;
      return { state, hasSynced };
    });
  expect(await synced()).toEqual({ state: 'CONNECTED', hasSynced: true });
  expect(readies).toBe(0);
});
