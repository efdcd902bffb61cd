import { afterAll, beforeAll, expect, test } from 'vitest';
import type WAWebJS from 'whatsapp-web.js';
import { type Simulator, startSimulator } from '../src/index.js';
import { PlainLibrary, event, eventually } from './plain-library.js';

const ME = '12025550100';
const ANNA = '12025550101';

let simulator: Simulator;
let library: PlainLibrary;
let client: WAWebJS.Client;

beforeAll(async () => {
  simulator = await startSimulator({ profile: 'classic' });
  simulator.network.putAccount({ phone: ME, name: 'Me' });
  simulator.network.putAccount({ phone: ANNA, name: 'Anna' });
  library = await PlainLibrary.create(simulator);
  client = await library.link(ME);
});

afterAll(async () => {
  await library?.close();
  await simulator?.close();
});

test('a scanned login knows who it is', () => {
  expect(client.info.wid._serialized).toBe(`${ME}@c.us`);
  expect(client.info.pushname).toBe('Me');
});

test('text goes out once and is acknowledged', async () => {
  const acked = event<WAWebJS.Message>(client, 'message_ack');
  const sent = await client.sendMessage(`${ANNA}@c.us`, 'hello Anna');
  expect(sent.id._serialized).toContain(sent.id.id);
  await acked;
  const [record] = simulator.network.messages.list('login', { to: ANNA });
  expect(record).toMatchObject({ handOvers: 1, ack: 1, message: { id: sent.id.id, body: 'hello Anna' } });
});

test('text comes in', async () => {
  const received = event<WAWebJS.Message>(client, 'message');
  simulator.network.conversation.sendFromPhone({ from: ANNA, to: ME, type: 'text', body: 'hello you' });
  const message = await received;
  expect(message).toMatchObject({ body: 'hello you', from: `${ANNA}@c.us`, to: `${ME}@c.us`, fromMe: false });
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
  const messages = await chat.fetchMessages({ limit: 10 });
  expect(messages.map(({ body }) => body)).toEqual(['hello Anna', 'hello you', 'while you were away']);
});
