/**
 * whatsapp-web.js as its README shows it, without wagate: PLAIN_CLIENTS clients with LocalAuth in one process, each
 * with a browser of its own. CHROME_PATH, PLAIN_ARGS (a JSON list) and PLAIN_PROFILES say with which.
 */
import whatsapp, { type Client } from 'whatsapp-web.js';
import { nowMs } from '../statistics.js';
import type { PlainCommand, PlainReport } from './messages.js';

const LAUNCHES_AT_ONCE = 3;

function report(message: PlainReport): void {
  process.send?.(message);
}

function newClient(index: number): Client {
  const client = new whatsapp.Client({
    authStrategy: new whatsapp.LocalAuth({
      clientId: `plain-${String(index)}`,
      dataPath: process.env.PLAIN_PROFILES ?? '',
    }),
    webVersionCache: { type: 'none' },
    puppeteer: {
      executablePath: process.env.CHROME_PATH ?? '',
      args: JSON.parse(process.env.PLAIN_ARGS ?? '[]') as string[],
      headless: true,
    },
  });
  client.on('qr', (qr) => report({ kind: 'qr', index, qr }));
  client.on('ready', () => report({ kind: 'ready', index }));
  client.on('message', ({ body }) => report({ kind: 'received', body, atMs: nowMs() }));
  return client;
}

const clients = Array.from({ length: Number(process.env.PLAIN_CLIENTS) }, (_, index) => newClient(index));

async function send(index: number, to: string, body: string): Promise<void> {
  report({ kind: 'sending', body, atMs: nowMs() });
  await clients[index]?.sendMessage(`${to}@c.us`, body);
}

async function sendMany(command: Extract<PlainCommand, { kind: 'sendMany' }>): Promise<void> {
  const { prefix, to, count, inFlight } = command;
  const lane = async (index: number, first: number) => {
    for (let n = first; n < count; n += inFlight) {
      const body = `${prefix}-${String(index)}-${String(n)}`;
      await clients[index]?.sendMessage(`${to[n % to.length] ?? ''}@c.us`, body);
    }
  };
  const senders = Array.from({ length: command.clients }, (_, index) => index);
  await Promise.all(
    senders.flatMap((index) => Array.from({ length: inFlight }, (_, first) => lane(index, first))),
  );
  report({ kind: 'sentMany', prefix });
}

process.on('message', (command: PlainCommand) => {
  const done = command.kind === 'send' ? send(command.index, command.to, command.body) : sendMany(command);
  done.catch((error: unknown) => {
    console.error('plain library:', error);
    process.exit(1);
  });
});
process.once('disconnect', () => {
  void Promise.allSettled(clients.map((client) => client.destroy())).then(() => process.exit(0));
});

const waiting = [...clients];
async function launchNext(): Promise<void> {
  for (let client = waiting.shift(); client; client = waiting.shift()) await client.initialize();
}
await Promise.all(Array.from({ length: LAUNCHES_AT_ONCE }, launchNext));
