import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { LARGE_TRANSFER_BYTES } from '#contracts';
import { newId, SystemClock } from '#kernel';
import { S3MediaStore } from '#media-store';
import { startSimulator, type Simulator } from '../../simulator/src/index.js';
import { testBrowserPath, waitFor } from '../../../test/support/index.js';
import { routeArgs } from '../src/drivers/webjs/browser-route.js';
import { GuardedClient } from '../src/drivers/webjs/guarded-client.js';
import { browserArgs, readUserAgent } from '../src/drivers/webjs/launch-options.js';
import { loadPageScript } from '../src/drivers/webjs/page-bundle.js';
import { ProfileAuth } from '../src/drivers/webjs/profile-auth.js';
import { TransferGate } from '../src/drivers/webjs/transfer-gate.js';
import { WebjsDriver } from '../src/drivers/webjs/webjs-driver.js';
import { sha256, textSend } from './support/node-harness.js';

const ME = '4915112345751';
const FRIEND = '4915112345752';
const OTHER = '4915112345753';
const TYPING_MS = 5_000;
const chromePath = testBrowserPath();
const noSandbox = process.getuid?.() === 0;

let simulator: Simulator;
let pageScript: string;
let userAgent: string;
let directory: string;
const sessionId = newId('ses');

async function control<T>(method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(`${simulator.controlUrl}${path}`, {
    method,
    ...(body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}),
  });
  if (!response.ok) throw new Error(`${method} ${path} gave ${response.status}`);
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

beforeAll(async () => {
  simulator = await startSimulator({ profile: '2026-09' });
  [pageScript, userAgent] = await Promise.all([loadPageScript(), readUserAgent(chromePath, noSandbox)]);
});
afterAll(() => simulator.close());
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wagate-driver-'));
});
afterEach(() => rm(directory, { recursive: true, force: true, maxRetries: 4 }));

describe('a page that fails while it loads', () => {
  const DETACHED = 'Attempted to use detached Frame';
  const faults: unknown[] = [];
  let client: GuardedClient;

  /** Once, when the library has half of its listeners in the page, `fail` comes between. */
  async function createClient(fail: () => Promise<void>): Promise<GuardedClient> {
    const auth = new ProfileAuth({ clientId: sessionId, dataPath: directory }, () => {
      const page = client.page;
      if (!page) throw new Error('the library gives no page');
      const expose = page.exposeFunction.bind(page);
      let failuresLeft = 1;
      page.exposeFunction = async (name, implementation) => {
        if (name === 'onLogoutEvent' && failuresLeft-- > 0) return fail();
        await expose(name, implementation);
      };
      return Promise.resolve();
    });
    const args = [...browserArgs(noSandbox), ...(await routeArgs('test', simulator.controlUrl))];
    return new GuardedClient(
      {
        authStrategy: auth,
        userAgent,
        webVersionCache: { type: 'none' },
        puppeteer: { executablePath: chromePath, headless: 'shell', pipe: true, args },
      },
      { script: pageScript, onAttached: () => undefined, onFault: (error) => faults.push(error) },
    );
  }
  afterEach(async () => {
    client.expectClosing();
    await client.browser?.close();
  });

  it('does not count as loaded without its listeners, when it is still the same document', async () => {
    client = await createClient(() => Promise.reject(new Error(DETACHED)));
    await expect(client.initialize()).rejects.toThrow(DETACHED);
  });

  it('is followed to the document that takes its place', async () => {
    client = await createClient(async () => {
      await client.page?.reload();
      throw new Error('Execution context was destroyed');
    });
    const shown = new Promise<string>((resolve) => client.on('qr', resolve));
    await client.initialize();
    expect(await shown).not.toBe('');
    expect(faults).toEqual([]);
  });
});

describe('a driver whose login comes into doubt', () => {
  const told: string[] = [];
  const mediaStore = new S3MediaStore(inject('s3'));
  const transferGate = new TransferGate();
  let driver: WebjsDriver;
  let qr = '';

  beforeEach(async () => {
    const note = (what: string) => () => void told.push(what);
    driver = new WebjsDriver(
      {
        chromePath,
        noSandbox,
        userAgent,
        pageScript,
        simulatorUrl: simulator.controlUrl,
        mediaStore,
        transferGate,
        mediaMaxBytes: LARGE_TRANSFER_BYTES,
        clock: new SystemClock(),
      },
      { sessionId, mode: 'test', directory },
      {
        onQr: (shown) => void (qr = shown),
        onLinkHint: note('hint'),
        onLoginDoubt: note('doubt'),
        onActivity: note('activity'),
        onReloaded: note('reloaded'),
        onUnlinked: note('unlinked'),
        onGone: note('gone'),
      },
    );
    for (const phone of [FRIEND, OTHER]) await control('POST', '/accounts', { phone, name: phone });
    await driver.start();
    await waitFor(() => qr, { what: 'a QR' });
    await control('POST', '/scan', { qr, phone: ME });
    await waitFor(async () => (await driver.probe()).proven, { what: 'the connection', deadlineMs: 90_000 });
  });
  afterEach(() => driver.close(5_000));

  it('hands over no send that waited meanwhile, and says so when the library takes it for gone', async () => {
    const typed = driver.send({ ...order('typed'), typingMs: TYPING_MS });
    const behind = driver.send(order('behind it'));
    const file = await sendFileBehindAnother();
    await waitFor(async () => (await control<unknown[]>('GET', `/chat-states?from=${ME}`)).length > 0, {
      what: 'the typing to show',
    });
    driver.holdSends(true);
    file.admit();
    const refused = { outcome: 'not_sent', code: 'session_not_connected', retry: true };
    expect(await Promise.all([typed, behind, file.sent])).toMatchObject([refused, refused, refused]);
    driver.holdSends(false);
    expect(await driver.send(order('afterwards'))).toMatchObject({ outcome: 'handed' });
    const sent = await waitFor(
      async () => {
        const list = await control<{ body: string }[]>('GET', `/sent?from=${ME}`);
        return list.length > 0 && list;
      },
      { what: 'the message to arrive' },
    );
    expect(sent.map(({ body }) => body)).toEqual(['afterwards']);

    expect(told).not.toContain('doubt');
    await driver.unlink();
    await waitFor(() => told.includes('doubt'), { what: 'the word of the library' });
  });

  /** A file, in another chat, that waits for its turn to be brought into the page. */
  async function sendFileBehindAnother() {
    const bytes = Buffer.from('a file');
    const objectKey = `t/${newId('tnt')}/file`;
    await mediaStore.put(objectKey, Readable.from([bytes]), {
      contentType: 'text/plain',
      size: bytes.length,
    });
    let admit = (): void => undefined;
    const other = new Promise<void>((resolve) => (admit = resolve));
    void transferGate.run(LARGE_TRANSFER_BYTES, 0, () => other);
    const media = { mimeType: 'text/plain', filename: 'file.txt', size: null, sha256: sha256(bytes) };
    const sent = driver.send({
      ...textSend(`${OTHER}@c.us`, ''),
      content: { type: 'document', caption: null, media },
      media: { objectKey },
    });
    return { sent, admit };
  }

  function order(text: string) {
    return { ...textSend(`${FRIEND}@c.us`, text), content: { type: 'text' as const, text } };
  }
});
