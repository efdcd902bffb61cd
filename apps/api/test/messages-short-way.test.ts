import { createHook } from 'node:async_hooks';
import { once } from 'node:events';
import { connect, type Server, type Socket } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import type { TestTenant } from '../../../test/support/start-api.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { ALEX, interrupted, Messaging, tracesOf } from './messaging.js';
import type { PageBody, SessionBody } from './session-bodies.js';

let messaging: Messaging;
let tenant: TestTenant;
let session: SessionBody;

beforeAll(async () => {
  messaging = await Messaging.start();
  ({ tenant, session } = await messaging.connect());
  // Nothing leaves, so that the queue shows what was accepted.
  await messaging.node.become(session.id, interrupted());
});
afterAll(async () => {
  await messaging?.close();
});

const plain = (changes: object = {}) => ({
  session: session.id,
  to: ALEX,
  type: 'text',
  text: 'Hi',
  ...changes,
});

const USUAL = '/messages?dryRun=false';

/** What is answered, without what differs from message to message. */
async function shown(answer: Response) {
  const message = (await answer.json()) as MessageResource;
  return {
    status: answer.status,
    names: [...answer.headers.keys()].sort(),
    type: answer.headers.get('content-type'),
    location: answer.headers.get('location')?.replace(message.id, ''),
    body: { ...message, createdAt: '', occurredAt: '', expiresAt: '', id: '', instance: '', requestId: '' },
  };
}

function send(path: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${messaging.api.baseUrl}/api/v1${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json', ...headers },
    body: Uint8Array.from(Buffer.from(body)),
    signal: AbortSignal.timeout(30_000),
  });
}

function head(length: string, path: string, key = tenant.key): string {
  return (
    `POST /api/v1${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n` +
    `Content-Type: application/json\r\n${length}\r\n\r\n`
  );
}

/** A connection on which the head of a text that is `length` bytes long was sent. */
function opened(
  length: string,
  path = '/messages',
  key = tenant.key,
): { socket: Socket; answers: () => string } {
  const url = new URL(messaging.api.baseUrl);
  const socket = connect(Number(url.port), url.hostname);
  let answers = '';
  socket.setNoDelay().on('data', (chunk: Buffer) => (answers += chunk.toString()));
  socket.write(head(length, path, key));
  return { socket, answers: () => answers };
}

describe('a plain text', () => {
  it.each([
    ['as plain as can be', {}],
    [
      'with all that a text can have',
      { clientRef: 'a', metadata: { b: '1' }, priority: 3, linkPreview: false },
    ],
    ['as long as a text can be', { text: 'é'.repeat(4_096) }],
    ['too long', { text: 'x'.repeat(70_000) }],
    ['with a field that there is not', { colour: 'red' }],
    ['to nobody', { to: 'nobody' }],
    ['of a session that there is not', { session: 'ses_00000000000000000000000000' }],
    ['without a text', { text: undefined }],
  ])('%s is answered the same by the short way and by the usual one', async (_what, changes) => {
    const body = JSON.stringify(plain(changes));
    expect(await shown(await send('/messages', body))).toEqual(await shown(await send(USUAL, body)));
  });

  it.each([
    ['broken JSON', '{"type":"text",'],
    ['not an object', '["text"]'],
    ['null', 'null'],
    ['nested without end', `{"type":"text","metadata":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`],
    ['only white space', '  '],
    ['a poisoned prototype', '{"__proto__":{"type":"text"},"type":"text"}'],
    ['not UTF-8', Buffer.from('{"type":"text","text":"\xff"}', 'latin1')],
  ])('%s is refused the same by the short way and by the usual one', async (_what, body) => {
    const before = await tracesOf(messaging, tenant.tenantId);
    const key = { 'idempotency-key': `refused ${_what}` };
    const refused = await shown(await send('/messages', body, key));
    expect(refused.status).toBe(400);
    expect(refused).toEqual(await shown(await send(USUAL, body, key)));
    expect(await tracesOf(messaging, tenant.tenantId)).toEqual(before);
  });

  it.each([
    ['with its length', false],
    ['in chunks, without it', true],
  ])('is read whole when it comes in pieces that cut through its characters, %s', async (_what, chunked) => {
    const text = 'Grüße an 日本 🎉';
    const bytes = Buffer.from(JSON.stringify(plain({ text })));
    const length = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${String(bytes.length)}`;
    const { socket, answers } = opened(length);
    for (let at = 0; at < bytes.length; at += 1) {
      const piece = bytes.subarray(at, at + 1);
      socket.write(chunked ? Buffer.concat([Buffer.from('1\r\n'), piece, Buffer.from('\r\n')]) : piece);
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (chunked) socket.write('0\r\n\r\n');
    await waitFor(() => answers().includes('\r\n\r\n'), { what: 'the answer' });
    socket.destroy();
    expect(answers()).toMatch(/^HTTP\/1\.1 202 /);
    const id = /msg_[0-9a-z]{26}/.exec(answers())?.[0] ?? '';
    const { body } = await tenant.client.get<MessageResource>(`/messages/${id}`);
    expect(body.text).toBe(text);
  });

  it('goes the short way: Fastify reads the body of nothing but what is not plain', async () => {
    let parsed = 0;
    const hook = createHook({
      init: (_id, type) => {
        if (type === 'content-type-parser:run') parsed += 1;
      },
    }).enable();
    try {
      expect((await send('/messages', JSON.stringify(plain()))).status).toBe(202);
      expect(parsed).toBe(0);
      expect((await send(USUAL, JSON.stringify(plain()))).status).toBe(202);
      expect(parsed).toBe(1);
    } finally {
      hook.disable();
    }
  });

  it('with two Idempotency-Keys is refused', async () => {
    const bytes = JSON.stringify(plain());
    const keys = 'Idempotency-Key: a\r\nIdempotency-Key: b';
    const { socket, answers } = opened(`${keys}\r\nContent-Length: ${String(bytes.length)}`);
    socket.write(bytes);
    await waitFor(() => answers().endsWith('}'), { what: 'the refusal' });
    socket.destroy();
    expect(answers()).toMatch(/^HTTP\/1\.1 400 [^]*"headers\.idempotency-key"/);
  });

  it.each([
    ['the short way', '/messages', 1],
    ['the usual way', USUAL, 1],
    ['three at once', '/messages', 3],
  ])('that is followed by what is not HTTP gets its own answer: %s', async (_what, path, count) => {
    const bytes = JSON.stringify(plain({ clientRef: `followed-${_what}` }));
    const { socket, answers } = opened(`Content-Length: ${String(bytes.length)}`, path);
    const ended = new Promise((resolve) => socket.once('close', resolve));
    const again = head(`Content-Length: ${String(bytes.length)}`, path) + bytes;
    socket.write(`${bytes}${again.repeat(count - 1)}GARBAGE\r\n\r\n`);
    await ended;
    expect(answers().match(/HTTP\/1\.1 \d+/g)).toEqual(Array.from({ length: count }, () => 'HTTP/1.1 202'));
    const { body } = await tenant.client.get<PageBody<MessageResource>>(`/messages?limit=${String(count)}`);
    expect(body.data.map(({ clientRef }) => clientRef)).toEqual(
      Array.from({ length: count }, () => `followed-${_what}`),
    );
  });

  it.each([
    ['the short way', '/messages'],
    ['the usual way', USUAL],
  ])('that is broken off by the client is not accepted, and no error of ours: %s', async (_what, path) => {
    const before = await tracesOf(messaging, tenant.tenantId);
    const linesBefore = messaging.api.logged.length;
    const bytes = Buffer.from(JSON.stringify(plain()));
    const { socket } = opened(`Content-Length: ${String(bytes.length + 1)}`, path);
    await new Promise((resolve) => socket.write(bytes, resolve));
    socket.destroy();
    const lines = () => messaging.api.logged.slice(linesBefore);
    const ofRequests = () => lines().filter(({ requestId }) => requestId !== undefined);
    await waitFor(() => ofRequests().length > 0, { what: 'a line of the request' });
    expect(ofRequests()).toEqual([
      expect.objectContaining({
        level: 'info',
        msg: 'request broken off by the client',
        tenantId: tenant.tenantId,
      }),
    ]);
    expect(await tracesOf(messaging, tenant.tenantId)).toEqual(before);
  });

  it('that is broken off before its key was looked up is told of, too', async () => {
    const stranger = await messaging.api.createTenant();
    const owner = new pg.Client(messaging.api.config.DATABASE_OWNER_URL);
    await owner.connect();
    try {
      await owner.query('BEGIN; LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE');
      const ours = once(messaging.api.app.getHttpServer() as Server, 'connection') as Promise<[Socket]>;
      const { socket } = opened('Content-Length: 100', '/messages', stranger.key);
      const [accepted] = await ours;
      const blocked = `SELECT FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))`;
      await waitFor(async () => (await owner.query(blocked)).rowCount, {
        what: 'the look-up of the key to wait',
      });
      socket.destroy();
      await waitFor(() => accepted.destroyed, { what: 'the api to see that it is gone' });
      await owner.query('COMMIT');
    } finally {
      await owner.end();
    }
    await waitFor(
      () =>
        messaging.api.logged.find(
          ({ msg, tenantId }) => msg === 'request broken off by the client' && tenantId === stranger.tenantId,
        ),
      { what: 'the line of the request' },
    );
  });
});
