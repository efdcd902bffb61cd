import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WAWebJS from 'whatsapp-web.js';
import { type Simulator, startSimulator } from '../src/index.js';
import { PlainLibrary, ackOf, event, eventually } from './plain-library.js';

const ME = '12025550100';
const ANNA = '12025550101';
const BORIS = '12025550102';
const { MessageMedia } = WAWebJS;

let simulator: Simulator;
let library: PlainLibrary;
let client: WAWebJS.Client;

beforeAll(async () => {
  simulator = await startSimulator({ profile: 'classic' });
  simulator.network.putAccount({ phone: ME, name: 'Me' });
  simulator.network.putAccount({ phone: ANNA, name: 'Anna' });
  simulator.network.putAccount({ phone: BORIS, name: 'Boris' });
  library = await PlainLibrary.create(simulator);
  client = await library.link(ME);
});

afterAll(async () => {
  await library?.close();
  await simulator?.close();
});

/** What the network got of a message the library has sent; the page may say so a moment before. */
function handedOver(sent: WAWebJS.Message) {
  return eventually(() => simulator.network.messages.find(ME, sent.id.id));
}

test('a scanned login knows who it is', () => {
  expect(client.info.wid._serialized).toBe(`${ME}@c.us`);
  expect(client.info.pushname).toBe('Me');
});

test('text goes out once and is acknowledged', async () => {
  const acked = event<WAWebJS.Message>(client, 'message_ack');
  const sent = await client.sendMessage(`${ANNA}@c.us`, 'hello Anna');
  expect(sent.id._serialized).toContain(sent.id.id);
  await acked;
  expect(await handedOver(sent)).toMatchObject({
    handOvers: 1,
    ack: 1,
    message: { id: sent.id.id, body: 'hello Anna' },
  });
});

test('what a login shows while it types is seen by the network', async () => {
  const chat = await client.getChatById(`${ANNA}@c.us`);
  await chat.sendStateTyping();
  await chat.clearState();
  const shown = await eventually(() => {
    const list = simulator.network.chatStates.list({ from: ME, to: ANNA });
    return list.length >= 2 ? list : undefined;
  });
  expect(shown.map(({ state }) => state)).toEqual(['composing', 'paused']);
});

test('text comes in', async () => {
  const received = event<WAWebJS.Message>(client, 'message');
  simulator.network.conversation.sendFromPhone({ from: ANNA, to: ME, type: 'text', body: 'hello you' });
  const message = await received;
  expect(message).toMatchObject({ body: 'hello you', from: `${ANNA}@c.us`, to: `${ME}@c.us`, fromMe: false });
});

test.each([
  ['image', 'image/png', 'image'],
  ['video', 'video/mp4', 'video'],
  ['audio', 'audio/mpeg', 'audio'],
  ['document', 'application/pdf', 'document'],
] as const)('%s goes out and comes in with its exact bytes', async (type, mimetype, kind) => {
  const bytes = randomBytes(70_000);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const media = new MessageMedia(mimetype, bytes.toString('base64'), 'file.bin');
  const sent = await client.sendMessage(`${ANNA}@c.us`, media, { caption: 'look' });
  const record = await handedOver(sent);
  expect(record).toMatchObject({
    sha256,
    message: { type: kind, caption: 'look', media: { size: 70_000, mimetype } },
  });
  expect(record.message.media?.filename).toBe(kind === 'document' ? 'file.bin' : undefined);

  const received = event<WAWebJS.Message>(client, 'message');
  const inbound = { bytes, mimetype, filename: 'in.bin' };
  simulator.network.conversation.sendFromPhone({ from: ANNA, to: ME, type, body: 'see', media: inbound });
  const message = await received;
  expect(message).toMatchObject({ hasMedia: true, body: 'see', type: kind });
  const downloaded = await message.downloadMedia();
  expect(createHash('sha256').update(downloaded.data, 'base64').digest('hex')).toBe(sha256);
  expect(downloaded.mimetype).toBe(mimetype);
});

test('voice notes are told from audio', async () => {
  const media = new MessageMedia('audio/ogg', randomBytes(1_000).toString('base64'));
  const sent = await client.sendMessage(`${ANNA}@c.us`, media, { sendAudioAsVoice: true });
  expect((await handedOver(sent)).message.type).toBe('ptt');
});

test('replies quote, both ways', async () => {
  const received = event<WAWebJS.Message>(client, 'message');
  simulator.network.conversation.sendFromPhone({ from: ANNA, to: ME, type: 'text', body: 'question' });
  const question = await received;
  const reply = await question.reply('answer');
  const record = await handedOver(reply);
  expect(record.message.quoted).toMatchObject({ id: question.id.id, from: ANNA, body: 'question' });

  const next = event<WAWebJS.Message>(client, 'message');
  const back = { from: ANNA, to: ME, type: 'text' as const, body: 'I see', quotedId: reply.id.id };
  simulator.network.conversation.sendFromPhone(back);
  const quoted = await (await next).getQuotedMessage();
  expect(quoted.body).toBe('answer');
});

test('messages go into a group and come out of it', async () => {
  const group = simulator.network.addGroup('Friends', [ANNA, ME, BORIS]);
  await eventually(async () => (await client.getChats()).find(({ id }) => id._serialized === group.id));
  const sent = await client.sendMessage(group.id, 'hello all');
  expect((await handedOver(sent)).message.to).toBe(group.id);

  const received = event<WAWebJS.Message>(client, 'message');
  simulator.network.conversation.sendFromPhone({
    from: BORIS,
    to: group.id,
    type: 'text',
    body: 'hi from Boris',
  });
  const message = await received;
  expect(message).toMatchObject({ from: group.id, author: `${BORIS}@c.us`, body: 'hi from Boris' });
  const chat = await client.getChatById(group.id);
  expect(chat).toMatchObject({ isGroup: true, name: 'Friends' });
  expect((chat as WAWebJS.GroupChat).participants.map(({ id }) => id.user)).toEqual([ANNA, ME, BORIS]);
});

test('acks go up when told, and are passed on when they do not', async () => {
  const acks: number[] = [];
  const sent = await client.sendMessage(`${ANNA}@c.us`, 'watch my acks');
  client.on('message_ack', (message, ack) => {
    if (message.id.id === sent.id.id) acks.push(Number(ack));
  });
  const record = await handedOver(sent);
  await eventually(async () => (await ackOf(client, sent)) === 1);
  for (const ack of [3, 2]) simulator.network.messages.ack(record, ack);
  await eventually(() => acks.at(-1) === 2);
  expect(acks.slice(-2)).toEqual([3, 2]);
  expect(record.ack).toBe(3);
});

test('edits, reactions and deletions of the other side arrive', async () => {
  const received = event<WAWebJS.Message>(client, 'message');
  const { record } = simulator.network.conversation.sendFromPhone({
    from: ANNA,
    to: ME,
    type: 'text',
    body: 'tpyo',
  });
  await received;
  const key = { id: record.message.id, from: ANNA, to: ME };
  const edited = event<WAWebJS.Message>(client, 'message_edit');
  simulator.network.conversation.edit(key, 'typo');
  expect((await edited).body).toBe('typo');
  const reacted = event<WAWebJS.Reaction>(client, 'message_reaction');
  simulator.network.conversation.react(key, ANNA, '👍');
  expect(await reacted).toMatchObject({ reaction: '👍', senderId: `${ANNA}@c.us` });
  const revoked = event<WAWebJS.Message>(client, 'message_revoke_everyone');
  simulator.network.conversation.revoke(key);
  expect((await revoked).id.id).toBe(record.message.id);
});

test('personas answer', async () => {
  simulator.network.putAccount({ phone: '12025550111', name: 'Echo', persona: 'echo' });
  simulator.network.putAccount({ phone: '12025550113', name: 'Picture', persona: 'sends-picture' });
  simulator.network.putAccount({ phone: '12025550114', name: 'Fails', persona: 'fails' });
  const echo = event<WAWebJS.Message>(client, 'message');
  await client.sendMessage('12025550111@c.us', 'anybody there?');
  expect((await echo).body).toBe('anybody there?');
  const picture = event<WAWebJS.Message>(client, 'message');
  await client.sendMessage('12025550113@c.us', 'show me');
  expect((await (await picture).downloadMedia()).mimetype).toBe('image/png');
  const failed = await client.sendMessage('12025550114@c.us', 'fail');
  await eventually(async () => (await ackOf(client, failed)) === -1);
});

test('who is not on WhatsApp is said not to be', async () => {
  expect(await client.getNumberId('12025550199')).toBeNull();
  expect((await client.getNumberId(ANNA))?._serialized).toBe(`${ANNA}@c.us`);
});

test('what the own phone sends appears here', async () => {
  const created = event<WAWebJS.Message>(client, 'message_create');
  simulator.network.conversation.sendFromPhone({ from: ME, to: ANNA, type: 'text', body: 'from my phone' });
  expect(await created).toMatchObject({ fromMe: true, body: 'from my phone', to: `${ANNA}@c.us` });
});

test('after a dropped connection both directions catch up', async () => {
  simulator.network.drop(ME, 300);
  const received = event<WAWebJS.Message>(client, 'message');
  simulator.network.conversation.sendFromPhone({ from: ANNA, to: ME, type: 'text', body: 'meanwhile in' });
  const sent = await client.sendMessage(`${ANNA}@c.us`, 'meanwhile out');
  expect((await received).body).toBe('meanwhile in');
  expect((await handedOver(sent)).handOvers).toBe(1);
});

test('a restart from the profile needs no QR, and gets what came meanwhile', async () => {
  await client.destroy();
  await eventually(() => simulator.network.logins.of(ME).find((login) => !login.connected));
  simulator.network.conversation.sendFromPhone({
    from: ANNA,
    to: ME,
    type: 'text',
    body: 'while you were away',
  });
  client = library.client();
  let qrs = 0;
  client.on('qr', () => (qrs += 1));
  const ready = event(client, 'ready');
  await client.initialize();
  await ready;
  expect(qrs).toBe(0);
  const chat = await client.getChatById(`${ANNA}@c.us`);
  const messages = await chat.fetchMessages({ limit: 1_000 });
  const bodies = messages.map(({ body }) => body);
  expect(bodies).toEqual(expect.arrayContaining(['hello you', 'meanwhile out', 'while you were away']));
});

test('a login that the phone removes is logged out, and can be linked again', async () => {
  const disconnected = event<string>(client, 'disconnected');
  const qr = event<string>(client, 'qr');
  simulator.network.unlink(ME);
  expect(await disconnected).toBe('LOGOUT');
  const ready = event(client, 'ready');
  simulator.network.scan(await qr, ME);
  await ready;
});

test('a client that logs out needs a new link, which a pairing code gives', async () => {
  await client.logout();
  expect(simulator.network.logins.of(ME)).toEqual([]);
  client = library.client({ pairWithPhoneNumber: { phoneNumber: ME } });
  const code = event<string>(client, 'code');
  const ready = event(client, 'ready');
  await client.initialize();
  simulator.network.pair(await code, ME);
  await ready;
});
