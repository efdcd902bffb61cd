import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import WAWebJS from 'whatsapp-web.js';
import type { Simulator } from '../src/index.js';

const { Client, LocalAuth } = WAWebJS;

const CANDIDATES = [
  process.env.CHROME_PATH,
  '/usr/lib/chromium/chromium-headless-shell',
  '/usr/bin/chromium-headless-shell',
  '/usr/bin/chromium',
  '/usr/bin/google-chrome',
];

/** The library as it comes from npm, on the simulator, with a profile of its own. */
export class PlainLibrary {
  private readonly clients: WAWebJS.Client[] = [];

  private constructor(
    private readonly simulator: Simulator,
    private readonly directory: string,
  ) {}

  static async create(simulator: Simulator): Promise<PlainLibrary> {
    return new PlainLibrary(simulator, await mkdtemp(join(tmpdir(), 'simulator-test-')));
  }

  client(options: WAWebJS.ClientOptions = {}): WAWebJS.Client {
    const executablePath = CANDIDATES.find((path) => path !== undefined && existsSync(path));
    const client = new Client({
      authStrategy: new LocalAuth({ clientId: 'one', dataPath: this.directory }),
      webVersionCache: { type: 'none' },
      ...options,
      puppeteer: {
        ...(executablePath === undefined ? {} : { executablePath }),
        args: ['--no-sandbox', '--disable-gpu', ...this.simulator.browserRoute.args],
      },
    });
    this.clients.push(client);
    return client;
  }

  /** Starts a client, scans its QR as `phone`, waits for `ready`. */
  async link(phone: string): Promise<WAWebJS.Client> {
    const client = this.client();
    const qr = event<string>(client, 'qr');
    const ready = event(client, 'ready');
    await client.initialize();
    this.simulator.network.scan(await qr, phone);
    await ready;
    return client;
  }

  async close(): Promise<void> {
    for (const client of this.clients) await client.destroy();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The first argument of the next event of this name. @throws after `timeoutMs` */
export function event<T>(client: WAWebJS.Client, name: string, timeoutMs = 60_000): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${name} in ${timeoutMs} ms`)), timeoutMs);
    client.once(name, (value: T) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}

/** Polls until there is a value that is neither undefined nor false. @throws after `timeoutMs` */
export async function eventually<T>(
  read: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await read();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`the condition was not met in ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The ack the page knows of a message it has sent. */
export async function ackOf(client: WAWebJS.Client, sent: WAWebJS.Message): Promise<number> {
  return Number((await client.getMessageById(sent.id._serialized)).ack);
}
