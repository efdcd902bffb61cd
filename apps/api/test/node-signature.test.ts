import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SIGNATURE_HEADERS } from '#contracts';
import { signRequest } from '#runtime';
import { startApi, type TestApi } from '../../../test/support/start-api.js';
import { ScriptedNode } from './scripted-node.js';

let api: TestApi;
let node: ScriptedNode;

beforeAll(async () => {
  api = await startApi();
  node = new ScriptedNode(api, 'node-1');
});

afterAll(async () => {
  await api?.close();
});

/** Announces a body, sends nothing of it, and gives the status of what is answered. */
async function statusWithoutBody(path: string, headers: Record<string, string>): Promise<number | undefined> {
  const sent = request(api.baseUrl + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': '1000000', ...headers },
    signal: AbortSignal.timeout(30_000),
  });
  sent.flushHeaders();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  sent.on('error', () => undefined).destroy();
  return answer.statusCode;
}

describe('the signature', () => {
  const paths = ['/internal/events', '/internal/nodes/heartbeat'];

  it.each(paths)('is needed for %s: without it, changed, old or used again means 401', async (path) => {
    const body = '{}';
    const url = api.baseUrl + path;
    const good = signRequest(api.config.INTERNAL_SECRET, { method: 'POST', path, body });
    const send = (headers: Record<string, string>, content = body) =>
      fetch(url, {
        method: 'POST',
        body: content,
        headers: { 'content-type': 'application/json', ...headers },
      });
    const old = signRequest(api.config.INTERNAL_SECRET, { method: 'POST', path, body }, Date.now() - 60_000);
    const foreign = signRequest('x'.repeat(64), { method: 'POST', path, body });
    for (const headers of [{}, old, foreign, { ...good, [SIGNATURE_HEADERS.nonce]: 'A'.repeat(22) }]) {
      expect((await send(headers)).status).toBe(401);
    }
    expect((await send(good, '{"a":1}')).status).toBe(401);
    expect((await send(good)).status).toBe(400);
    expect((await send(good)).status).toBe(401);
  });

  it('is not replaced by an API key, and an unsigned body is not looked at', async () => {
    const tenant = await api.createTenant();
    const answer = await fetch(`${api.baseUrl}/internal/events`, {
      method: 'POST',
      body: '{"broken',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${tenant.key}` },
    });
    expect(answer.status).toBe(401);
  });

  it.each(paths)('is asked of %s before the body: 401 while nothing of it was sent', async (path) => {
    const signed = signRequest(api.config.INTERNAL_SECRET, { method: 'POST', path, body: '' }, Date.now());
    const old = signRequest(api.config.INTERNAL_SECRET, { method: 'POST', path, body: '' }, 1_000_000);
    const { [SIGNATURE_HEADERS.nonce]: _, ...without } = signed;
    for (const headers of [{}, old, without, { ...signed, [SIGNATURE_HEADERS.signature]: 'v1=00' }]) {
      expect(await statusWithoutBody(path, headers)).toBe(401);
    }
  });

  it.each([
    ['/internal/events', 4],
    ['/internal/nodes/heartbeat', 1],
  ])('does not let a body for %s be larger than %i MiB', async (path, mib) => {
    const padding = 'x'.repeat(mib * 1024 * 1024);
    expect((await node.post(path, { padding })).status).toBe(413);
    expect((await node.post(path, { padding: padding.slice(100) })).status).toBe(400);
  });

  it('does not make a request valid that breaks the protocol: the field is named and nothing is stored', async () => {
    const answer = await node.post('/internal/nodes/heartbeat', { name: 'NODE', url: 'x' });
    expect(answer.status).toBe(400);
    const { errors } = (await answer.json()) as { errors: { path: string }[] };
    expect(errors.map((error) => error.path)).toEqual(expect.arrayContaining(['name', 'url', 'capacity']));
  });
});
