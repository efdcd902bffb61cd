import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor, WebhookReceiver } from '../support/index.js';
import { linkSession, newPhone, type SessionView } from '../support/session-steps.js';
import { startStack, type Stack } from '../support/stack.js';

const PROGRAM = 'dist/apps/api/src/cli.js';

describe('the command line of a developer', () => {
  const phone = newPhone();
  const friend = newPhone();
  let stack: Stack;
  let key: string;
  let session: SessionView;
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    stack = await startStack({ profile: '2026-09' });
    const tenant = await stack.createTenant('Developer');
    key = tenant.key;
    await stack.simulated.post('/accounts', { phone, name: 'Me' });
    await stack.simulated.post('/accounts', { phone: friend, name: 'Friend', persona: 'echo' });
    session = await linkSession(stack, tenant.client, phone);
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await stack.close();
  });

  function start(...args: string[]): ChildProcess {
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      env: {
        PATH: process.env['PATH'] ?? '',
        WAGATE_URL: stack.baseUrl,
        WAGATE_KEY: key,
        SIMULATOR_URL: stack.simulator.controlUrl,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    return child;
  }

  async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const child = start(...args);
    const [out, err, [code]] = await Promise.all([
      text(child.stdout!),
      text(child.stderr!),
      once(child, 'exit') as Promise<[number]>,
    ]);
    return { code, out, err };
  }

  it('lists sessions, shows one that is linked, and sends', async () => {
    const listed = await run('sessions', '--json');
    expect(JSON.parse(listed.out)).toMatchObject([{ id: session.id, state: 'connected', phone }]);
    expect(JSON.parse((await run('qr', session.name, '--json')).out)).toMatchObject({
      state: 'connected',
      phone,
    });
    const sent = await run('send', '--to', friend, '--text', 'Hello', '--wait', 'delivered', '--json');
    expect(JSON.parse(sent.out)).toMatchObject({
      status: expect.stringMatching(/^(delivered|read)$/) as string,
    });
  });

  it('listens, and posts what happens, signed, to a URL of this machine', async () => {
    const receiver = await WebhookReceiver.start();
    const listening = start(
      'listen',
      '--after',
      '0',
      '--types',
      'message.received',
      '--forward',
      receiver.url,
      '--json',
    );
    let said = '';
    listening.stderr!.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const triggered = await run(
      'trigger',
      'message.received',
      '--session',
      session.name,
      '--text',
      'Triggered',
    );
    expect(triggered).toMatchObject({ code: 0 });
    const post = await waitFor(() => receiver.posts.find(({ body }) => body.includes('Triggered')), {
      what: 'the event',
    });
    const secret = /whsec_\S+/.exec(said)?.[0] ?? '';
    expect(new Webhook(secret).verify(post.body, post.headers)).toMatchObject({ type: 'message.received' });
    listening.kill('SIGTERM');
    await receiver.close();
  });

  it('says what is wrong, and where', async () => {
    const unknown = await run('trigger', 'message.read', '--session', session.name);
    expect(unknown).toMatchObject({ code: 1, out: '' });
    expect(unknown.err).toContain('message.received');
    expect((await run('send', '--to', 'x', '--text', 'Hello')).err).toContain('invalid_recipient');
    expect((await run('listen', '--session', 'nothing')).err).toContain('404');
    const noType = await run('listen', '--types', 'foo', '--json');
    expect(noType).toMatchObject({ code: 1, out: '' });
    expect(JSON.parse(noType.err)).toEqual({
      error: expect.stringMatching(/^400 invalid_request/) as string,
    });
    const noUrl = await run('listen', '--forward', 'notaurl', '--json');
    expect(noUrl).toMatchObject({ code: 1, out: '' });
    expect(JSON.parse(noUrl.err)).toEqual({
      error: expect.stringContaining('must be a complete URL') as string,
    });
  });
});
