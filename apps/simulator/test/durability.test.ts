import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type WAWebJS from 'whatsapp-web.js';
import { type Simulator, startSimulator } from '../src/index.js';
import { PlainLibrary, event, eventually } from './plain-library.js';

/** What the page and the network keep true when either is killed. */

const ME = '12025550100';
const ANNA = '12025550101';

let directory: string;
let simulator: Simulator;
let library: PlainLibrary;

interface CollectionsPage {
  require(name: 'WAWebCollections'): { Msg: { getModelsArray(): { body?: string; ack: number }[] } };
}

/** Every text the page's store holds, with its ack, oldest first. */
async function stored(client: WAWebJS.Client): Promise<{ body: string; ack: number }[]> {
  const read = await client.pupPage?.evaluate(() => {
    const { Msg } = (window as unknown as CollectionsPage).require('WAWebCollections');
    return Msg.getModelsArray().map(({ body, ack }) => ({ body: body ?? '', ack }));
  });
  return read ?? [];
}

function start(options: { port?: number; pagePort?: number } = {}): Promise<Simulator> {
  return startSimulator({ profile: 'classic', stateFile: join(directory, 'state.jsonl'), ...options });
}

function text(body: string): void {
  simulator.network.conversation.sendFromPhone({ from: ANNA, to: ME, type: 'text', body });
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'simulator-durability-'));
  simulator = await start();
  simulator.network.putAccount({ phone: ME, name: 'Me' });
  simulator.network.putAccount({ phone: ANNA, name: 'Anna' });
  library = await PlainLibrary.create(simulator);
});

afterEach(async () => {
  await library?.close();
  await simulator?.close();
  await rm(directory, { recursive: true, force: true });
});

test('a browser killed amid traffic loses nothing that it confirmed, and hands nothing over twice', async () => {
  const client = await library.link(ME);
  const sends: Promise<unknown>[] = [];
  for (let index = 0; index < 100; index += 1) {
    text(`in ${index}`);
    // Those in flight fail with the browser; what became of them is what this test is about.
    sends.push(client.sendMessage(`${ANNA}@c.us`, `out ${index}`).catch(() => undefined));
  }
  await eventually(() => simulator.network.messages.list('login', {}).length > 20);
  client.pupBrowser?.process()?.kill('SIGKILL');
  await eventually(() => simulator.network.logins.of(ME).every((login) => !login.connected));
  const known = simulator.network.messages.list('login', {}).length;
  const again = library.client();
  const ready = event(again, 'ready');
  await again.initialize();
  await ready;
  await eventually(() => simulator.network.logins.of(ME).every((login) => login.queued === 0));

  const bodies = (await stored(again)).map(({ body }) => body);
  const received = bodies.filter((body) => body.startsWith('in ')).sort();
  expect(received).toEqual(Array.from({ length: 100 }, (_, index) => `in ${index}`).sort());
  const handedOver = simulator.network.messages.list('login', {});
  expect(handedOver.length).toBeGreaterThanOrEqual(known);
  expect(handedOver.every(({ handOvers }) => handOvers === 1)).toBe(true);
  const sent = bodies.filter((body) => body.startsWith('out ')).sort();
  expect(sent).toEqual(handedOver.map(({ message }) => message.body).sort());
  await Promise.allSettled(sends);
});

test('a simulator that is restarted is the same WhatsApp, for the same browser', async () => {
  const client = await library.link(ME);
  await client.sendMessage(`${ANNA}@c.us`, 'before');
  await eventually(() => simulator.network.messages.list('login', {})[0]);
  const pagePort = Number(/:(\d+),/.exec(simulator.browserRoute.args[0] ?? '')?.[1]);
  const { args } = simulator.browserRoute;
  await simulator.close();
  await eventually(async () => (await client.getState()) !== ('CONNECTED' as WAWebJS.WAState));
  await client.sendMessage(`${ANNA}@c.us`, 'while it was down');
  simulator = await start({ pagePort });
  expect(simulator.browserRoute.args).toEqual(args);
  const received = event<WAWebJS.Message>(client, 'message');
  text('after');
  expect((await received).body).toBe('after');
  const sent = await eventually(() => {
    const list = simulator.network.messages.list('login', {});
    return list.length === 2 && list;
  });
  expect(sent.map(({ message, handOvers }) => [message.body, handOvers])).toEqual([
    ['before', 1],
    ['while it was down', 1],
  ]);
});

test('what the network has is not handed over again, whatever acks are repeated meanwhile', async () => {
  const client = await library.link(ME);
  await client.sendMessage(`${ANNA}@c.us`, 'once');
  const handedOver = await eventually(() => simulator.network.messages.list('login', {})[0]);
  await eventually(async () => (await stored(client)).every(({ ack }) => ack > 0));
  client.pupBrowser?.process()?.kill('SIGKILL');
  await eventually(() => simulator.network.logins.of(ME).every((login) => !login.connected));
  // It comes with what is queued, so the page learns of it after it has said what the network may not have.
  simulator.network.messages.ack(handedOver, 0);
  const again = library.client();
  const ready = event(again, 'ready');
  await again.initialize();
  await ready;
  await again.sendMessage(`${ANNA}@c.us`, 'later');
  const sent = await eventually(() => {
    const list = simulator.network.messages.list('login', {});
    return list.length === 2 && list;
  });
  expect(sent.map(({ message, handOvers }) => [message.body, handOvers])).toEqual([
    ['once', 1],
    ['later', 1],
  ]);
});
