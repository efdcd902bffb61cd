import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import WAWebJS from 'whatsapp-web.js';
import { type Simulator, startSimulator } from '../src/index.js';
import type { Fault } from '../src/wire.js';
import { PlainLibrary, ackOf, event, eventually } from './plain-library.js';

const ME = '12025550100';
const ANNA = '12025550101';

let simulator: Simulator;

beforeAll(async () => {
  simulator = await startSimulator({ profile: 'classic' });
  simulator.network.putAccount({ phone: ME, name: 'Me' });
  simulator.network.putAccount({ phone: ANNA, name: 'Anna' });
});

afterAll(() => simulator?.close());

function handedOver(body: string) {
  return simulator.network.messages.list('login', { to: ANNA }).find(({ message }) => message.body === body);
}

describe('on a page that lives through them', () => {
  let library: PlainLibrary;
  let client: WAWebJS.Client;

  beforeAll(async () => {
    library = await PlainLibrary.create(simulator);
    client = await library.link(ME);
  });
  afterAll(() => library?.close());
  afterEach(() => simulator.network.faults.replace([]));

  /** Adds the fault and waits until the page knows it. */
  async function arrange(fault: Omit<Fault, 'id'>): Promise<void> {
    simulator.network.faults.add(fault);
    await client.getNumberId(ANNA);
  }

  const send = (body: string) => client.sendMessage(`${ANNA}@c.us`, body);

  test('a send that fails before its id is taken leaves nothing behind', async () => {
    await arrange({ kind: 'sendThrowsBeforeId', times: 1 });
    await expect(send('before the id')).rejects.toThrow('sendThrowsBeforeId');
    await send('after it');
    await eventually(() => handedOver('after it'));
    expect(handedOver('before the id')).toBeUndefined();
  });

  test('a send that fails after its id is taken is not handed over', async () => {
    await arrange({ kind: 'sendThrowsAfterId', times: 1 });
    await expect(send('after the id')).rejects.toThrow('sendThrowsAfterId');
    expect(handedOver('after the id')).toBeUndefined();
  });

  test('a send that fails after the hand-over was sent', async () => {
    await arrange({ kind: 'sendThrowsAfterHandOver', times: 1 });
    await expect(send('handed over')).rejects.toThrow('sendThrowsAfterHandOver');
    await eventually(() => handedOver('handed over'));
  });

  test('a send that never settles is sent', async () => {
    await arrange({ kind: 'sendNeverSettles', times: 1 });
    let settled = false;
    send('never settles').then(
      () => (settled = true),
      // When the page goes, so does the call.
      () => undefined,
    );
    await eventually(() => handedOver('never settles'));
    await send('the next one');
    await eventually(() => handedOver('the next one'));
    expect(settled).toBe(false);
  });

  test('a send that returns nothing is sent', async () => {
    await arrange({ kind: 'sendReturnsUndefined', times: 1 });
    expect(await send('returns nothing')).toBeUndefined();
    await eventually(() => handedOver('returns nothing'));
  });

  test('no ack, for as many messages as asked', async () => {
    await arrange({ kind: 'noAck', times: 1 });
    const silent = await send('no ack');
    const spoken = await send('an ack');
    await eventually(async () => (await ackOf(client, spoken)) === 1);
    expect(await ackOf(client, silent)).toBe(0);
    expect(handedOver('no ack')).toMatchObject({ handOvers: 1, ack: 0 });
  });

  test('failing uploads, failing downloads and wrong bytes', async () => {
    const bytes = randomBytes(500);
    await arrange({ kind: 'uploadFails', times: 1 });
    const media = new WAWebJS.MessageMedia('image/png', bytes.toString('base64'));
    await expect(client.sendMessage(`${ANNA}@c.us`, media)).rejects.toThrow('upload failed');

    const received = event<WAWebJS.Message>(client, 'message');
    const inbound = { bytes, mimetype: 'image/png' };
    simulator.network.conversation.sendFromPhone({ from: ANNA, to: ME, type: 'image', media: inbound });
    const message = await received;
    await arrange({ kind: 'downloadFails', times: 1, status: 404 });
    expect(await message.downloadMedia()).toBeUndefined();
    // The first download resolves the media, the second is the one whose bytes are returned.
    await arrange({ kind: 'wrongHash', times: 2 });
    expect((await message.downloadMedia()).data).not.toBe(bytes.toString('base64'));
    expect((await message.downloadMedia()).data).toBe(bytes.toString('base64'));
  });

  test('a module that is missing is named and counted', async () => {
    await arrange({ kind: 'missingModule', name: 'WALinkify' });
    await expect(send('needs a module')).rejects.toThrow('WALinkify');
    await eventually(() => simulator.network.listMissing().WALinkify);
  });

  function receive(body: string): void {
    simulator.network.conversation.sendFromPhone({ from: ANNA, to: ME, type: 'text', body });
  }

  test('a message that is decrypted later, or never', async () => {
    await arrange({ kind: 'ciphertext', times: 1, ms: 200 });
    const ciphertext = event<WAWebJS.Message>(client, 'message_ciphertext');
    const decrypted = event<WAWebJS.Message>(client, 'message');
    receive('a secret');
    expect((await ciphertext).body).toBe('');
    expect((await decrypted).body).toBe('a secret');
    await arrange({ kind: 'ciphertext', times: 1 });
    const never = event<WAWebJS.Message>(client, 'message_ciphertext');
    receive('for ever secret');
    expect(await client.getMessageById((await never).id._serialized)).toMatchObject({
      type: 'ciphertext',
      body: '',
    });
  });

  test('one message under two keys, and one without a key', async () => {
    const messages: WAWebJS.Message[] = [];
    const listen = (message: WAWebJS.Message) => messages.push(message);
    client.on('message_create', listen);
    await arrange({ kind: 'twoKeys', times: 1 });
    receive('twice');
    await eventually(() => messages.length === 2);
    expect(messages.map(({ from }) => from.split('@')[1]).sort()).toEqual(['c.us', 'lid']);
    await arrange({ kind: 'missingKey', times: 1 });
    receive('nameless');
    await eventually(() => messages.length === 4);
    expect(messages.slice(2).map(({ id }) => id._serialized)).toContain(undefined);
    client.off('message_create', listen);
  });

  test('media that claims to be larger than it is', async () => {
    await arrange({ kind: 'declaredSize', times: 1, bytes: 2_000_000_000 });
    const received = event<WAWebJS.Message>(client, 'message');
    const media = { bytes: randomBytes(10), mimetype: 'video/mp4' };
    simulator.network.conversation.sendFromPhone({ from: ANNA, to: ME, type: 'video', media });
    expect((await received).rawData).toMatchObject({ size: 2_000_000_000 });
  });

  test('states, conflict and reload', async () => {
    const states: string[] = [];
    client.on('change_state', (state) => states.push(state));
    simulator.network.setState(ME, 'TIMEOUT');
    await eventually(() => states.find((state) => state === ('TIMEOUT' as typeof state)));
    const ready = event(client, 'ready');
    simulator.network.reload(ME);
    await ready;
    expect(await client.getState()).toBe('CONNECTED');
  });
});

test('a page whose QR is idle gets a new one when it asks', async () => {
  const own = await startSimulator({ profile: 'classic', qrFirstMs: 300 });
  const library = await PlainLibrary.create(own);
  try {
    own.network.faults.add({ kind: 'qrIdle', times: 1 });
    const client = library.client();
    const first = event<string>(client, 'qr');
    await client.initialize();
    await first;
    await eventually(async () => String(await client.getState()) === 'UNPAIRED_IDLE');
    const second = event<string>(client, 'qr');
    await client.pupPage?.evaluate(() => {
      const page = window as unknown as { require(name: string): { Cmd: { refreshQR(): unknown } } };
      page.require('WAWebCmd').Cmd.refreshQR();
    });
    expect(await second).not.toBe(await first);
    expect(String(await client.getState())).toBe('UNPAIRED');
  } finally {
    await library.close();
    await own.close();
  }
});

describe('that end the page', () => {
  let library: PlainLibrary;
  let client: WAWebJS.Client;

  beforeEach(async () => {
    library = await PlainLibrary.create(simulator);
    client = await library.link(ME);
  });
  afterEach(async () => {
    simulator.network.faults.replace([]);
    await library.close();
    simulator.network.unlink(ME);
  });

  const crashed = () =>
    new Promise<Error>((resolve) => client.pupPage?.once('error', (error) => resolve(error)));

  test('the renderer crashes when told, once', async () => {
    const crash = crashed();
    simulator.network.faults.add({ kind: 'rendererCrash', when: 'now', times: 1 });
    expect((await crash).message).toContain('Page crashed');
    expect(simulator.network.faults.list()).toEqual([]);
  });

  test('a poison message crashes the page before it is handed over', async () => {
    simulator.network.faults.add({ kind: 'poison', body: 'poison' });
    await client.getNumberId(ANNA);
    const crash = crashed();
    void client.sendMessage(`${ANNA}@c.us`, 'poison').catch(() => undefined);
    await crash;
    expect(handedOver('poison')).toBeUndefined();
  });

  test('the page hangs after the hand-over of a message', async () => {
    simulator.network.faults.add({ kind: 'hang', when: 'afterHandOver', times: 1, ms: 2_000 });
    await client.getNumberId(ANNA);
    const before = Date.now();
    await client.sendMessage(`${ANNA}@c.us`, 'then silence');
    expect(Date.now() - before).toBeGreaterThanOrEqual(2_000);
    expect(handedOver('then silence')).toMatchObject({ handOvers: 1 });
  });
});
