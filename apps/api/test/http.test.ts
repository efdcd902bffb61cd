import { once } from 'node:events';
import { connect, type Server, type Socket } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import { waitFor } from '../../../test/support/index.js';

let api: TestApi;
let tenant: TestTenant;

beforeAll(async () => {
  api = await startApi();
  tenant = await api.createTenant();
});

afterAll(() => api?.close());

/** A request with full control over what is sent. */
function send(
  method: string,
  path: string,
  body: string | Uint8Array<ArrayBuffer> | undefined,
  headers: Record<string, string> = {},
) {
  return fetch(`${api.baseUrl}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${tenant.key}`, ...headers },
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.timeout(30_000),
  });
}

const JSON_TYPE = { 'content-type': 'application/json' };

describe('problems', () => {
  it('name a parameter that is given twice', async () => {
    const answer = await send('GET', '/messages?limit=5&limit=6', undefined);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      code: 'invalid_request',
      detail: 'the request is not valid: limit: must be given once',
      errors: [{ path: 'limit', message: 'must be given once' }],
    });
  });

  it.each([
    ['broken JSON', 'POST', '/api-keys', '{"name": ', JSON_TYPE, 400, 'invalid_json'],
    ['a poisoned prototype', 'POST', '/api-keys', '{"__proto__": {"x": 1}}', JSON_TYPE, 400, 'invalid_json'],
    ['a body that is no object', 'POST', '/api-keys', '[1]', JSON_TYPE, 400, 'invalid_request'],
    ['no body', 'POST', '/api-keys', undefined, {}, 400, 'invalid_request'],
    ['an empty JSON body', 'POST', '/api-keys', '', JSON_TYPE, 400, 'invalid_request'],
    [
      'another content type',
      'POST',
      '/api-keys',
      'a=1',
      { 'content-type': 'application/x-www-form-urlencoded' },
      415,
      'unsupported_media_type',
    ],
    ['text', 'POST', '/api-keys', '{}', { 'content-type': 'text/plain' }, 415, 'unsupported_media_type'],
    ['an unknown path', 'GET', '/nothing/here', undefined, {}, 404, 'not_found'],
    ['a wrong method', 'PUT', '/api-keys', '{}', JSON_TYPE, 405, 'method_not_allowed'],
    ['a malformed id', 'DELETE', '/api-keys/abc', undefined, {}, 400, 'invalid_request'],
    ['a malformed cursor', 'GET', '/api-keys?cursor=abc', undefined, {}, 400, 'invalid_cursor'],
  ] as const)('answer %s in one shape', async (_name, method, path, body, headers, status, code) => {
    const answer = await send(method, path, body, headers);
    const problem = (await answer.json()) as Record<string, unknown>;
    expect(problem).toMatchObject({ status, code, type: `urn:wagate:problem:${code}` });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(problem.requestId).toBe(answer.headers.get('x-request-id'));
    expect(Object.keys(problem).sort()).toEqual(
      expect.arrayContaining(['code', 'detail', 'requestId', 'status', 'title', 'type']),
    );
    for (const name of ['limit', 'remaining', 'reset', 'policy']) {
      expect(answer.headers.get(`ratelimit-${name}`), name).not.toBeNull();
    }
  });

  it('name every broken rule and every unknown field by its path', async () => {
    const answer = await tenant.client.post('/api-keys', {
      name: '',
      scopes: ['messages:send', 'all'],
      wrong: 1,
    });
    const paths = (answer.body.errors as { path: string }[]).map((error) => error.path);
    expect(paths.sort()).toEqual(['name', 'scopes.1', 'wrong']);
  });

  it('name the methods that a path takes', async () => {
    const answer = await send('PATCH', '/api-keys', '{}', JSON_TYPE);
    expect(answer.headers.get('allow')).toBe('GET, HEAD, POST');
  });

  it('refuse a body over one megabyte', async () => {
    const answer = await send(
      'POST',
      '/api-keys',
      JSON.stringify({ name: 'x'.repeat(1024 * 1024) }),
      JSON_TYPE,
    );
    expect(answer.status).toBe(413);
    expect(await answer.json()).toMatchObject({ code: 'payload_too_large' });
  });

  it.each([
    ['unsupported_media_type', 415, { 'content-encoding': 'gzip' }, '{}'],
    ['unsupported_media_type', 415, { 'content-type': 'application/json; charset=utf-16' }, '{}'],
    ['invalid_json', 400, {}, new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['invalid_request', 400, { 'content-type': 'application/json; charset="UTF-8"' }, '{}'],
  ])('tell of %s when a body is not plain UTF-8', async (code, status, headers, body) => {
    const answer = await send('POST', '/api-keys', body, { ...JSON_TYPE, ...headers });
    expect(await answer.json()).toMatchObject({ status, code });
  });

  it('are told about a path that cannot be decoded', async () => {
    const answer = await send('GET', '/api-keys/%ff', undefined);
    expect(await answer.json()).toMatchObject({ status: 400, code: 'invalid_request' });
    expect(answer.headers.get('x-request-id')).toMatch(/^req_/);
  });

  it('are told even to what is not HTTP', async () => {
    const { port } = new URL(api.baseUrl);
    const heard = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), '127.0.0.1', () => socket.write('GET / NOTHTTP\r\n\r\n'));
      const chunks: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      socket.on('end', () => resolve(Buffer.concat(chunks).toString()));
      socket.on('error', reject);
    });
    expect(heard).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
    expect(heard).toContain('"code":"invalid_request"');
  });

  it('end the connection of what is not HTTP, also where the client never does', async () => {
    const { port } = new URL(api.baseUrl);
    const ours = once(api.app.getHttpServer() as Server, 'connection') as Promise<[Socket]>;
    const socket = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
    socket.write('GARBAGE\r\n\r\n');
    const [accepted] = await ours;
    await waitFor(() => accepted.destroyed, { what: 'the connection to end' });
    socket.destroy();
  });

  it('show nothing of an inner failure, which is in the log', async () => {
    const owner = new pg.Client(api.config.DATABASE_OWNER_URL);
    await owner.connect();
    await owner.query('ALTER TABLE audit_log RENAME TO audit_log_away');
    const answer = await tenant.client.post('/api-keys', { name: 'x', scopes: ['messages:send'] });
    await owner.query('ALTER TABLE audit_log_away RENAME TO audit_log');
    await owner.end();
    expect(answer.status).toBe(500);
    expect(answer.body).toMatchObject({ code: 'internal' });
    expect(answer.bytes.toString()).not.toMatch(/audit_log|relation|INSERT|at .*\.ts/);
    const line = api.logged.find(
      (entry) => entry.requestId === answer.body.requestId && entry.level === 'error',
    );
    expect(line).toMatchObject({ code: 'internal', route: '/api/v1/api-keys', tenantId: tenant.tenantId });
    expect(JSON.stringify(line)).toContain('audit_log');
    const { body } = await tenant.client.get<{ data: { name: string }[] }>('/api-keys');
    expect(body.data.map((key) => key.name)).not.toContain('x');
  });
});

describe('the request id', () => {
  it('is taken over when it is sane', async () => {
    const answer = await tenant.client.get('/limits', { 'X-Request-Id': 'my-id_1.2' });
    expect(answer.headers.get('x-request-id')).toBe('my-id_1.2');
  });

  it.each(['has space', 'x'.repeat(129), '<script>'])('is replaced when it is not: %s', async (id) => {
    const answer = await tenant.client.get('/limits', { 'X-Request-Id': id });
    expect(answer.headers.get('x-request-id')).toMatch(/^req_[0-9a-z]{26}$/);
  });
});

describe('the log', () => {
  it('has one line per request: the pattern of the route, no URL, no key, no input', async () => {
    const id = 'log-test-1';
    await tenant.client.request(
      'DELETE',
      '/api-keys/key_00000000000000000000000000?secret=4915112345678',
      undefined,
      {
        'X-Request-Id': id,
      },
    );
    const line = await waitFor(
      () => api.logged.find((entry) => entry.requestId === id && entry.msg === 'request'),
      {
        what: 'the line of the request',
      },
    );
    expect(line).toMatchObject({
      method: 'DELETE',
      route: '/api/v1/api-keys/:id',
      status: 404,
      tenantId: tenant.tenantId,
      keyId: tenant.keyId,
    });
    expect(line.ms).toBeTypeOf('number');
    const all = JSON.stringify(api.logged);
    expect(all).not.toContain('4915112345678');
    expect(all).not.toContain(tenant.key);
  });
});

describe('headers', () => {
  it('keep browsers from doing clever things with an answer', async () => {
    const { headers } = await tenant.client.get('/limits');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('x-frame-options')).toBe('DENY');
  });

  it('are on the answer to a URL that cannot be read, too', async () => {
    const { status, headers } = await send('GET', '/messages/%E0%A4%A', undefined);
    expect(status).toBe(400);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(Number(headers.get('ratelimit-limit'))).toBeGreaterThan(0);
  });
});

describe('a request without a body', () => {
  it('is accepted with a JSON content type and no length', async () => {
    const { body } = await tenant.client.post<{ id: string }>('/api-keys', {
      name: 'y',
      scopes: ['messages:send'],
    });
    const answer = await send('DELETE', `/api-keys/${body.id}`, undefined, JSON_TYPE);
    expect(answer.status).toBe(204);
  });
});
