import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '#kernel';
import { loadConfig } from '#runtime';
import { waitFor } from '../../../test/support/index.js';
import { sessionNodeConfigSchema } from '../src/config.js';
import { NodeHarness, newWaMessageId, textSend } from './support/node-harness.js';

describe('the protocol of a node', () => {
  const harness = new NodeHarness('2026-09', { MAX_SESSIONS: '2', LINK_TTL_MS: '6000' });

  beforeAll(() => harness.start(), 60_000);
  afterAll(() => harness.stop(), 60_000);

  it('refuses what is not signed with its secret, and what was signed for something else', async () => {
    const address = harness.address();
    const forged = await harness.command('session.start', { ...address, mode: 'test' }, 'x'.repeat(32));
    expect(forged).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    const bare = await fetch(`${harness.node.url}/internal/commands/session.start`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...address, mode: 'test' }),
    });
    expect(bare.status).toBe(401);
    expect(harness.node.sessions.list()).toEqual([]);
  });

  it('names the field of a request that is not valid, and does nothing', async () => {
    const address = harness.address();
    const { status, body } = await harness.command('session.start', { ...address, mode: 'real' });
    expect({ status, body }).toMatchObject({
      status: 400,
      body: { code: 'invalid_request', outcome: 'not_sent' },
    });
    expect((body as unknown as { message: string }).message).toContain('mode');
    const traversal = await harness.command('session.start', { ...address, sessionId: '../x', mode: 'test' });
    expect(traversal.status).toBe(400);
    expect(harness.node.sessions.list()).toEqual([]);
  });

  it('answers an unknown command, a body that is not JSON and an unknown path as problems', async () => {
    expect(await harness.command('session.fly' as 'session.stop', {})).toMatchObject({
      status: 404,
      body: { code: 'not_found' },
    });
    expect((await fetch(`${harness.node.url}/nowhere`)).status).toBe(404);
  });

  it('sends nothing through a session that is not connected', async () => {
    const address = harness.address();
    const { body } = await harness.command('message.send', {
      ...address,
      ...textSend('4915112345678@c.us', 'hello'),
    });
    expect(body).toMatchObject({ outcome: 'not_sent', retry: true, code: 'session_not_connected' });
    const { body: misdirected } = await harness.command('message.send', {
      ...address,
      ...textSend('4915112345678@c.us', 'hello'),
      nodeBootId: 'the boot before',
    });
    expect(misdirected).toMatchObject({ outcome: 'not_sent', retry: true, code: 'page_gone' });
    const check = await harness.command('number.check', { ...address, phones: ['4915112345678'] });
    expect(check).toMatchObject({ status: 409, body: { code: 'session_not_connected' } });
  });

  it('proves that a send never began, and then never begins it', async () => {
    const address = harness.address();
    const waMessageId = newWaMessageId();
    const chatId = '4915112345678@c.us';
    const asked = [{ waMessageId, chatId, nodeBootId: harness.node.bootId }];
    const { body } = await harness.command('message.lookup', { ...address, messages: asked });
    expect(body).toEqual({ found: [], neverStarted: [waMessageId] });
    const other = await harness.command('message.lookup', {
      ...address,
      messages: [{ waMessageId, chatId, nodeBootId: 'another boot' }],
    });
    expect(other).toMatchObject({ status: 409, body: { code: 'session_not_connected' } });
  });

  it('starts nothing for a command that waited behind a delete', async () => {
    const address = harness.address();
    const { sessions } = harness.node;
    await sessions.command(address, () => undefined);
    const deletion = sessions.command(address, (owner) => sessions.remove(owner));
    const behind = sessions.command(address, (owner) => sessions.start(owner, 'test'));
    await expect(behind).rejects.toMatchObject({ code: 'service_unavailable' });
    await deletion;
    expect(sessions.list().map((known) => known.address.sessionId)).not.toContain(address.sessionId);
  });

  it('runs no more sessions than it has room for, and lets a QR expire', async () => {
    const running = [harness.address(), harness.address()];
    const third = harness.address();
    for (const address of running) {
      harness.assign(address);
      expect((await harness.command('session.start', { ...address, mode: 'test' })).status).toBe(200);
    }
    expect(await harness.command('session.start', { ...third, mode: 'test' })).toMatchObject({
      status: 503,
      body: { code: 'capacity_exhausted' },
    });
    const [first, second] = running;
    if (!first || !second) throw new Error('two sessions were started');
    const { body } = await harness.command('session.qr', { ...first, waitMs: 30_000 });
    expect(body.qr).toMatchObject({ attempt: 1 });
    const code = await harness.command('session.pairing-code', { ...first, phone: '4915112345678' });
    expect(code).toMatchObject({ status: 200, body: { code: expect.any(String) as string } });
    expect(await harness.waitForState(second, 'stopped')).toMatchObject({
      reason: 'link_expired',
      action: 'start',
    });
    expect(await harness.waitForState(first, 'stopped')).toMatchObject({ reason: 'link_expired' });
    expect(await harness.browserPid(first)).toBeNull();
    const beats = harness.api.heartbeats;
    await waitFor(() => harness.api.heartbeats > beats + 2, {
      what: 'heartbeats that still name the session',
    });
    expect((await harness.snapshot(first)).state).toBe('stopped');
  }, 120_000);

  it('refuses an epoch that is no longer the latest, and closes what a later epoch owns elsewhere', async () => {
    const address = harness.address(5);
    harness.assign(address);
    await harness.waitForState(address, 'pairing');
    const stale = await harness.command('session.stop', { ...address, epoch: 4 });
    expect(stale).toMatchObject({ status: 409, body: { code: 'stale_epoch' } });
    const foreign = await harness.command('session.stop', { ...address, tenantId: newId('tnt') });
    expect(foreign).toMatchObject({ status: 404, body: { code: 'not_found' } });
    harness.api.assigned = [];
    expect(await harness.waitForState(address, 'stopped')).toMatchObject({ reason: 'requested' });
  }, 90_000);

  it('tells its health and counts', async () => {
    const health = await fetch(`${harness.node.url}/health/ready`);
    expect(await health.json()).toMatchObject({ status: 'ok', capacity: 2 });
    const metrics = await (await fetch(`${harness.node.url}/metrics`)).text();
    expect(metrics).toContain('wagate_node_sessions{state="connected"} 0');
  });
});

describe('the configuration of a node', () => {
  const environment = {
    API_URL: 'http://127.0.0.1:3000',
    INTERNAL_SECRET: randomBytes(32).toString('hex'),
    PROFILES_DIR: '/tmp/profiles',
    CHROME_PATH: '/usr/bin/chromium',
    S3_ENDPOINT: 'http://127.0.0.1:9000',
    S3_BUCKET: 'media',
    S3_ACCESS_KEY: 'access',
    S3_SECRET_KEY: 'secret',
  };

  it('listens on this machine only unless it is told otherwise', () => {
    expect(loadConfig(sessionNodeConfigSchema, environment)).toMatchObject({
      HOST: '127.0.0.1',
      MAX_SESSIONS: 50,
    });
    expect(() => loadConfig(sessionNodeConfigSchema, { ...environment, HOST: '0.0.0.0' })).toThrow(
      /HOST.*ALLOW_REMOTE/,
    );
    expect(
      loadConfig(sessionNodeConfigSchema, { ...environment, HOST: '0.0.0.0', ALLOW_REMOTE: 'true' }).HOST,
    ).toBe('0.0.0.0');
  });

  it('refuses a short secret', () => {
    expect(() => loadConfig(sessionNodeConfigSchema, { ...environment, INTERNAL_SECRET: 'short' })).toThrow(
      /INTERNAL_SECRET: must be at least 32 bytes/,
    );
  });
});
