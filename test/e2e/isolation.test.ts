import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '#kernel';
import type { HttpClient } from '../support/http-client.js';
import { linkSession, newPhone, waitForInbound, type MessageView } from '../support/session-steps.js';
import { startStack, type Stack } from '../support/stack.js';
import { waitFor } from '../support/wait-for.js';

interface Operation {
  parameters?: { name: string; in: string; required?: boolean }[];
  requestBody?: { content: Record<string, { example?: unknown; schema?: unknown }> };
}
interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
}
interface Case {
  method: string;
  path: string;
  /** Which of A's objects the path names. */
  kind: string;
}

/** Which kind of object a path's parameter names. A path that is not here fails the test, so that none is forgotten. */
const KIND_OF_PATH: [RegExp, string][] = [
  [/^\/api\/v1\/sessions\/\{/, 'session'],
  [/^\/api\/v1\/messages\/\{/, 'message'],
  [/^\/api\/v1\/media\/\{/, 'media'],
  [/^\/api\/v1\/chats\/\{/, 'chat'],
  [/^\/api\/v1\/contacts\/\{/, 'contact'],
  [/^\/api\/v1\/opt-outs\/\{/, 'optOut'],
  [/^\/api\/v1\/api-keys\/\{/, 'key'],
  [/^\/api\/v1\/tenants\/\{/, 'tenant'],
  [/^\/api\/v1\/nodes\/\{/, 'node'],
  [/^\/api\/v1\/webhooks\/\{/, 'webhook'],
  [/^\/api\/v1\/deliveries\/\{/, 'delivery'],
];
const PREFIX = {
  session: 'ses',
  message: 'msg',
  media: 'med',
  chat: 'cht',
  contact: 'con',
  optOut: 'opt',
  key: 'key',
  tenant: 'tnt',
  node: 'nod',
  webhook: 'whk',
  delivery: 'dlv',
};
/** Bodies that pass validation, so that a request reaches the look-up. */
const BODIES: Record<string, unknown> = {
  'PATCH /api/v1/sessions/{session}': { name: 'stolen' },
  'POST /api/v1/sessions/{session}/pairing-code': { phone: '4915112345678' },
  'POST /api/v1/api-keys/{id}/rotate': {},
  'PATCH /api/v1/tenants/{id}': { name: 'stolen' },
  'PATCH /api/v1/webhooks/{id}': { description: 'stolen' },
  'POST /api/v1/webhooks/{id}/replay': { since: '2026-01-01T00:00:00Z' },
};

describe('tenant B and the objects of tenant A', () => {
  const phone = newPhone();
  const friend = newPhone();
  let stack: Stack;
  let a: HttpClient;
  let b: HttpClient;
  let document: OpenApi;
  const idsOfA: Record<string, string> = {};

  beforeAll(async () => {
    stack = await startStack({ profile: '2026-09', apiEnv: { ALLOW_PRIVATE_WEBHOOK_URLS: 'true' } });
    a = (await stack.createTenant('A')).client;
    b = (await stack.createTenant('B')).client;
    document = (await fetch(`${stack.baseUrl}/openapi.json`).then((r) => r.json())) as OpenApi;
    await stack.simulated.post('/accounts', { phone: friend, name: 'Friend' });
    await stack.simulated.post('/accounts', { phone, name: 'Me' });
    // Nobody listens there: every event becomes a delivery that is to be tried again.
    const webhook = await a.post<{ id: string }>('/webhooks', { url: 'http://127.0.0.1:9/' });
    const session = await linkSession(stack, a, phone);
    await stack.simulated.post('/messages', { from: friend, to: phone, type: 'text', body: 'Private' });
    const message = await waitForInbound(a, session.id, (m) => m.text === 'Private', 'a message');
    const form = new FormData();
    form.set('file', new Blob([randomBytes(100)]), 'secret.bin');
    const media = await a.request<{ id: string }>('POST', '/media', form);
    const first = async (path: string) =>
      waitFor(async () => (await a.get<{ data: { id: string }[] }>(path)).body.data[0]?.id, { what: path });
    Object.assign(idsOfA, {
      session: session.id,
      message: message.id,
      media: media.body.id,
      chat: await first('/chats'),
      contact: await first('/contacts'),
      optOut: (await a.post<{ id: string }>('/opt-outs', { to: newPhone() })).body.id,
      key: await first('/api-keys'),
      webhook: webhook.body.id,
      delivery: await first(`/webhooks/${webhook.body.id}/deliveries`),
      tenant: (await a.get<{ tenantId: string }>('/limits')).body.tenantId ?? newId('tnt'),
      // The operator's, and no tenant's.
      node: 'node-1',
    });
  });
  afterAll(() => stack.close());

  function listCases(): Case[] {
    return Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations)
        .filter((method) => ['get', 'post', 'put', 'patch', 'delete'].includes(method) && path.includes('{'))
        .map((method) => {
          const kind = KIND_OF_PATH.find(([pattern]) => pattern.test(path))?.[1];
          if (!kind) throw new Error(`${method} ${path} takes an id and has no isolation case`);
          return { method: method.toUpperCase(), path, kind };
        }),
    );
  }

  async function call(client: HttpClient, { method, path }: Case, id: string) {
    const body = method === 'GET' || method === 'DELETE' ? undefined : (BODIES[`${method} ${path}`] ?? {});
    const answer = await client.request(method, path.replace('/api/v1', '').replace(/\{\w+\}/g, id), body);
    const { requestId: _requestId, ...rest } = answer.body ?? {};
    return {
      status: answer.status,
      body: JSON.parse(JSON.stringify(rest).replaceAll(id, '{id}')) as unknown,
    };
  }

  it('answers for each the way it answers for one that does not exist', async () => {
    const cases = listCases();
    expect(cases.length).toBeGreaterThan(20);
    for (const one of cases) {
      const foreign = await call(b, one, idsOfA[one.kind]!);
      const missing = await call(b, one, newId(PREFIX[one.kind as keyof typeof PREFIX] as 'ses'));
      const name = `${one.method} ${one.path}`;
      expect({ name, ...foreign }).toEqual({ name, ...missing });
      // Either there is no such thing for B, or B's key may not do this at all.
      expect({ name, status: foreign.status }).toSatisfy((it: { status: number }) =>
        [404, 403].includes(it.status),
      );
    }
  });

  it('left everything of A as it was, and lists nothing of A', async () => {
    expect((await a.get(`/sessions/${idsOfA.session!}`)).body.state).toBe('connected');
    expect((await a.get<MessageView>(`/messages/${idsOfA.message!}`)).body.text).toBe('Private');
    expect((await a.get(`/media/${idsOfA.media!}/content`)).status).toBe(200);
    for (const path of ['/sessions', '/messages', '/media', '/chats', '/contacts', '/opt-outs']) {
      expect({ path, data: (await b.get<{ data: unknown[] }>(path)).body.data }).toEqual({ path, data: [] });
    }
  });

  it("cannot be used: B cannot send from A's session, send A's media or quote A's message", async () => {
    const send = (more: object) =>
      b.post('/messages', { session: idsOfA.session, to: friend, type: 'text', text: 'x', ...more });
    expect((await send({})).status).toBe(404);
    const own = await b.post<{ id: string }>('/sessions', { name: 'mine' });
    expect(own.status).toBe(201);
    const mediaSend = await send({
      session: 'mine',
      type: 'document',
      text: undefined,
      media: { mediaId: idsOfA.media },
    });
    expect([404, 409, 422]).toContain(mediaSend.status);
    const filtered = await b.get<{ data: unknown[] }>(`/messages?session=${idsOfA.session!}`);
    expect([filtered.status, filtered.body.data ?? []]).toEqual([404, []]);
  });
});
