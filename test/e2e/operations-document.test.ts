import { execFile } from 'node:child_process';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createDatabase, type FreshDatabase } from '#embedded';
import { appUrlOf } from '../support/app-url.js';
import { ChildPart } from '../support/child-part.js';
import { freePort } from '../support/free-port.js';
import type { HttpClient } from '../support/http-client.js';
import {
  linkSession,
  newPhone,
  sentBy,
  waitForInbound,
  waitForMessage,
  waitForState,
  type MessageView,
  type SessionView,
} from '../support/session-steps.js';
import { startStack, type Stack } from '../support/stack.js';
import { testBrowserPath } from '../support/test-browser-path.js';
import { waitFor } from '../support/wait-for.js';

const DOCUMENT = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8');

/** What docs/operations.md gives to a command between these two words. */
function fromDocument(word: 'SQL' | 'JS'): string {
  const text = new RegExp(`<<'${word}'\\n([^]*?)\\n${word}\\n`).exec(DOCUMENT)?.[1];
  if (!text) throw new Error(`docs/operations.md holds no <<'${word}'`);
  return text;
}

const hasLeft = ({ status }: MessageView) => ['sent', 'delivered', 'read'].includes(status);

describe('the procedures of docs/operations.md', () => {
  const phone = newPhone();
  const friend = newPhone();
  let stack: Stack;
  let client: HttpClient;
  let session: SessionView;
  let api: ChildPart;
  let node: ChildPart;
  let restored: FreshDatabase | undefined;
  let profiles: string;
  let nodeUrl: string;

  beforeAll(async () => {
    stack = await startStack({ profile: '2026-09', nodeEnv: { SWEEP_INTERVAL_MS: '1000' } });
    ({ api, node } = stack);
    profiles = join(stack.folder, 'profiles');
    client = (await stack.createTenant('Operated')).client;
    await stack.simulated.post('/accounts', { phone: friend, name: 'Friend', persona: 'late-reader' });
    await stack.simulated.post('/accounts', { phone, name: 'Me' });
    session = await linkSession(stack, client, phone);
  });
  afterAll(async () => {
    await node.stop();
    await api.stop();
    await restored?.drop();
    await stack.close();
  });

  const cursorFile = () => join(profiles, session.id, 'cursor.json');
  const send = (text: string) =>
    client.post<MessageView>('/messages', { session: session.id, to: friend, type: 'text', text });
  const receive = (text: string) =>
    stack.simulated.post('/messages', { from: friend, to: phone, type: 'text', body: text });

  /** The node of that name, anywhere. */
  async function newNode(): Promise<ChildPart> {
    const port = await freePort();
    nodeUrl = `http://127.0.0.1:${String(port)}`;
    return new ChildPart({
      name: 'session-node',
      program: 'dist/apps/session-node/src/main.js',
      env: {
        ...stack.apiEnv,
        NODE_NAME: 'node-1',
        PORT: String(port),
        NODE_URL: nodeUrl,
        API_URL: stack.baseUrl,
        PROFILES_DIR: profiles,
        CHROME_PATH: testBrowserPath(),
        SWEEP_INTERVAL_MS: '1000',
        ...(process.getuid?.() === 0 ? { CHROME_NO_SANDBOX: 'true' } : {}),
      },
      healthUrl: `${nodeUrl}/health/live`,
      logFile: join(stack.folder, 'moved-node.log'),
    });
  }

  it('move a node with its logins, by its name and its profiles', async () => {
    await node.stop();
    const accepted = await send('while it moves');
    expect(accepted.status).toBe(202);
    await receive('while it moves, too');
    await cp(profiles, join(stack.folder, 'moved'), { recursive: true });
    await rm(profiles, { recursive: true });
    profiles = join(stack.folder, 'moved');
    node = await newNode();
    await node.start();

    expect(await waitForState(client, session.id, 'connected')).toMatchObject({ me: { phone } });
    await waitForMessage(client, accepted.body.id, hasLeft, 'it to leave');
    await waitForInbound(client, session.id, ({ text }) => text === 'while it moves, too', 'what came in');
    const url = await withOwner(stack.databaseUrl, (owner) => owner.query(`SELECT url FROM nodes`));
    expect(url.rows).toEqual([{ url: nodeUrl }]);
  });

  it('restore a database without sending twice, and with what came in since', async () => {
    // The backup: one message waits.
    await client.post(`/sessions/${session.id}/pause`);
    const waiting = (await send('waits at the backup')).body;
    await node.stop();
    await api.stop();
    const backup = new Date();
    restored = await createDatabase(inject('postgresUrl'), {
      template: new URL(stack.databaseUrl).pathname.slice(1),
    });
    await api.start();
    node = await newNode();
    await node.start();
    await waitForState(client, session.id, 'connected');
    await client.post(`/sessions/${session.id}/resume`);
    await waitForMessage(client, waiting.id, hasLeft, 'it to leave');
    await receive('since the backup');
    await waitForInbound(client, session.id, ({ text }) => text === 'since the backup', 'what came in');
    await waitForCursor();

    // The loss, and steps 3 and 4.
    await node.stop();
    await api.stop();
    await readAnHourAhead();
    await withOwner(restored.url, (owner) => owner.query(fromDocument('SQL')));
    const rewind = promisify(execFile)(process.execPath, ['-', backup.toISOString()], {
      env: { PROFILES_DIR: profiles },
    });
    rewind.child.stdin?.end(fromDocument('JS'));
    expect((await rewind).stdout).toContain(session.id);
    const url = { DATABASE_URL: appUrlOf(restored.url), DATABASE_OWNER_URL: restored.url };
    api = new ChildPart({
      name: 'api',
      program: 'dist/apps/api/src/main.js',
      env: { ...stack.apiEnv, ...url },
      healthUrl: `${stack.baseUrl}/health/live`,
      logFile: join(stack.folder, 'restored-api.log'),
    });
    await api.start();
    node = await newNode();
    await node.start();

    await waitForState(client, session.id, 'connected');
    await client.post(`/sessions/${session.id}/resume`);
    // The queue goes on, and nothing of what was in it leaves once more.
    const next = (await send('after the restore')).body;
    await waitForMessage(client, next.id, hasLeft, 'it to leave');
    const hasEnded = (message: MessageView) => message.status === 'expired' || hasLeft(message);
    const { status } = await waitForMessage(client, waiting.id, hasEnded, 'its end');
    const handed = (await sentBy(stack, phone)).filter(({ body }) => body === 'waits at the backup');
    expect(handed.map(({ handOvers }) => handOvers)).toEqual([1]);
    expect(status).toBe('expired');
    // What is in the page's store only comes back: what came in, and what left.
    await waitForInbound(client, session.id, ({ text }) => text === 'since the backup', 'what came in');
    await waitForMessages('waits at the backup', 2);
  });

  async function waitForMessages(text: string, count: number): Promise<void> {
    const path = `/messages?session=${session.id}&direction=out&limit=100`;
    await waitFor(
      async () => {
        const { data } = (await client.get<{ data: MessageView[] }>(path)).body;
        return data.filter((message) => message.text === text).length === count;
      },
      { what: `${String(count)} messages that left`, deadlineMs: 90_000, pollMs: 250 },
    );
  }

  async function readCursor(): Promise<{ chats: Record<string, number> }> {
    return JSON.parse(await readFile(cursorFile(), 'utf8')) as { chats: Record<string, number> };
  }

  function waitForCursor(): Promise<unknown> {
    const hasChats = async () => Object.keys((await readCursor()).chats).length > 0;
    return waitFor(hasChats, { what: 'a chat to be read', deadlineMs: 90_000, pollMs: 250 });
  }

  /** As if an hour had passed since the chats were read last: a sweep would not go back to the backup by itself. */
  async function readAnHourAhead(): Promise<void> {
    const cursor = await readCursor();
    for (const chat of Object.keys(cursor.chats)) cursor.chats[chat]! += 3_600;
    await writeFile(cursorFile(), JSON.stringify(cursor));
  }
});

async function withOwner<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const owner = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await owner.connect();
  try {
    return await work(owner);
  } finally {
    await owner.end();
  }
}
