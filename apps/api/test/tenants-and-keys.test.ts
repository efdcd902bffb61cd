import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '#kernel';
import { HttpClient } from '../../../test/support/http-client.js';
import { waitFor } from '../../../test/support/index.js';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import type { CreatedApiKey } from '../src/api-keys/index.js';

let api: TestApi;
let operator: TestTenant;

beforeAll(async () => {
  api = await startApi();
  operator = await api.createTenant({ mode: 'live' });
});

afterAll(() => api?.close());

function clientOf(key: string | null): HttpClient {
  return new HttpClient(`${api.baseUrl}/api/v1`, key ?? '');
}

async function createSession({ client }: TestTenant): Promise<string> {
  const { body } = await client.post<{ id: string }>('/sessions');
  return body.id;
}

async function auditOf(tenantId: string): Promise<{ action: string; actor: string; target_id: string }[]> {
  return api.database.tenant(tenantId, (tx) =>
    tx.query('SELECT action, actor, target_id FROM audit_log ORDER BY id'),
  );
}

describe('tenants', () => {
  it('are created with a first key that works and cannot manage tenants', async () => {
    const created = await operator.client.post<{ id: string; firstKey: CreatedApiKey }>('/tenants', {
      name: 'Acme',
      limits: { maxSessions: 3, dailyMessageLimit: 100 },
      firstKey: { mode: 'test' },
    });
    expect(created.status).toBe(201);
    expect(created.body.firstKey.key).toMatch(/^wg_test_/);
    expect(created.body.firstKey.scopes).not.toContain('admin');
    const client = clientOf(created.body.firstKey.key);
    expect((await client.get('/limits')).body).toMatchObject({
      sessions: { limit: 3 },
      messages: { dailyLimit: 100 },
    });
    expect((await client.get('/tenants')).body).toMatchObject({ status: 403, code: 'insufficient_scope' });
    expect(await auditOf(created.body.id)).toMatchObject([
      { action: 'tenant.created', actor: operator.keyId },
      { action: 'api_key.created', actor: operator.keyId },
    ]);
  });

  it('are listed page by page, newest first, each once', async () => {
    for (let i = 0; i < 5; i += 1) await operator.client.post('/tenants', { name: `T${i}` });
    const ids: string[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor ? `&cursor=${cursor}` : '';
      const page = await operator.client.get<{ data: { id: string }[]; nextCursor: string | null }>(
        `/tenants?limit=2${query}`,
      );
      ids.push(...page.body.data.map((tenant) => tenant.id));
      cursor = page.body.nextCursor;
    } while (cursor);
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort().reverse()).toEqual(ids);
    expect(ids.length).toBeGreaterThanOrEqual(6);
  });

  it('do not take the cursor of another list or other filters', async () => {
    const page = await operator.client.get<{ nextCursor: string }>('/tenants?limit=1');
    const { nextCursor } = page.body;
    for (const path of [`/tenants?status=active&cursor=${nextCursor}`, `/api-keys?cursor=${nextCursor}`]) {
      expect((await operator.client.get(path)).body).toMatchObject({ status: 400, code: 'invalid_cursor' });
    }
  });

  it('change only what is named, and are shut out and let in again', async () => {
    const { body } = await operator.client.post<{ id: string; firstKey: CreatedApiKey }>('/tenants', {
      name: 'Changing',
      firstKey: {},
    });
    const path = `/tenants/${body.id}`;
    const renamed = await operator.client.request('PATCH', path, { limits: { requestsPerMinute: 5 } });
    expect(renamed.body).toMatchObject({
      name: 'Changing',
      status: 'active',
      limits: { maxSessions: 50, requestsPerMinute: 5 },
    });
    const client = clientOf(body.firstKey.key);
    expect((await client.get('/limits')).status).toBe(200);
    await operator.client.request('PATCH', path, { status: 'suspended' });
    await waitFor(async () => (await client.get('/limits')).status === 403, {
      what: 'the suspension',
      deadlineMs: 6_000,
    });
    expect((await operator.client.request('PATCH', path, {})).status).toBe(400);
    expect((await operator.client.get(path)).body).toMatchObject({ status: 'suspended' });
  });

  it('that do not exist are not found', async () => {
    for (const method of ['GET', 'PATCH']) {
      const answer = await operator.client.request(
        method,
        `/tenants/${newId('tnt')}`,
        method === 'PATCH' ? { name: 'x' } : undefined,
      );
      expect(answer.body).toMatchObject({ status: 404, code: 'not_found' });
    }
  });

  it('are closed to every key without the admin scope', async () => {
    const { client } = await api.createTenant({ scopes: ['keys:manage', 'sessions:manage', 'usage:read'] });
    const answers = [
      await client.get('/tenants'),
      await client.post('/tenants', { name: 'x' }),
      await client.get(`/tenants/${operator.tenantId}`),
      await client.request('PATCH', `/tenants/${operator.tenantId}`, { name: 'x' }),
    ];
    for (const answer of answers)
      expect(answer.body).toMatchObject({ status: 403, code: 'insufficient_scope' });
  });
});

describe('API keys', () => {
  it('grant at most what the granting key has', async () => {
    const { client } = await api.createTenant({ mode: 'test', scopes: ['keys:manage', 'messages:send'] });
    const refused = [
      [{ name: 'x', scopes: ['admin'] }, 'insufficient_scope'],
      [{ name: 'x', scopes: ['messages:send', 'messages:read'] }, 'insufficient_scope'],
      [{ name: 'x', scopes: ['messages:send'], mode: 'live' }, 'wrong_key_mode'],
    ] as const;
    for (const [body, code] of refused)
      expect((await client.post('/api-keys', body)).body).toMatchObject({ status: 403, code });
    const granted = await client.post<CreatedApiKey>('/api-keys', { name: 'x', scopes: ['messages:send'] });
    expect(granted.status).toBe(201);
    expect(granted.body).toMatchObject({ mode: 'test', scopes: ['messages:send'], revokedAt: null });
  });

  it('bound to sessions grant keys for those sessions only', async () => {
    const tenant = await api.createTenant();
    const mine = await createSession(tenant);
    const other = await createSession(tenant);
    const { client } = await api.createKey(tenant.tenantId, {
      scopes: ['keys:manage', 'messages:send'],
      sessionIds: [mine],
    });
    const make = (sessionIds?: string[] | null) =>
      client.post<CreatedApiKey>('/api-keys', { name: 'x', scopes: ['messages:send'], sessionIds });
    expect((await make([other])).body).toMatchObject({ code: 'session_not_allowed' });
    expect((await make([mine])).body).toMatchObject({ sessionIds: [mine] });
    expect((await make()).body).toMatchObject({ sessionIds: [mine] });
  });

  it('are not bound to sessions that the tenant does not have', async () => {
    const [tenant, another] = [await api.createTenant(), await api.createTenant()];
    const [mine, foreign] = [await createSession(tenant), await createSession(another)];
    for (const missing of [foreign, newId('ses')]) {
      const answer = await tenant.client.post('/api-keys', {
        name: 'x',
        scopes: ['messages:send'],
        sessionIds: [mine, missing],
      });
      expect(answer.body).toMatchObject({
        status: 404,
        code: 'not_found',
        errors: [{ path: 'sessionIds.1', message: 'must be the id of a session' }],
      });
    }
    expect((await tenant.client.get<{ data: unknown[] }>('/api-keys')).body.data).toHaveLength(1);
  });

  it('cannot end or replace a key that can do more', async () => {
    const tenant = await api.createTenant({ mode: 'test' });
    const weak = await api.createKey(tenant.tenantId, { scopes: ['keys:manage'] });
    expect((await weak.client.request('DELETE', `/api-keys/${tenant.keyId}`)).status).toBe(403);
    expect((await weak.client.post(`/api-keys/${tenant.keyId}/rotate`, {})).status).toBe(403);
    expect((await tenant.client.get('/limits')).status).toBe(200);
  });

  it('rotate with an overlap in which both work', async () => {
    const tenant = await api.createTenant();
    const { body: old } = await tenant.client.post<CreatedApiKey>('/api-keys', {
      name: 'old',
      scopes: ['messages:send'],
    });
    const { body: next } = await tenant.client.post<CreatedApiKey>(`/api-keys/${old.id}/rotate`, {
      overlapSeconds: 3600,
    });
    expect(next).toMatchObject({ name: 'old', scopes: ['messages:send'] });
    expect((await clientOf(old.key).get('/limits')).status).toBe(200);
    expect((await clientOf(next.key).get('/limits')).status).toBe(200);
    await tenant.client.post(`/api-keys/${next.id}/rotate`, { overlapSeconds: 0 });
    await waitFor(async () => (await clientOf(next.key).get('/limits')).status === 401, {
      what: 'the end of the overlap',
      deadlineMs: 6_000,
    });
    expect((await auditOf(tenant.tenantId)).map(({ action }) => action)).toContain('api_key.rotated');
  });

  it('are rotated once: a second successor would end with the overlap', async () => {
    const tenant = await api.createTenant();
    const { body: old } = await tenant.client.post<CreatedApiKey>('/api-keys', {
      name: 'old',
      scopes: ['messages:send'],
    });
    const rotate = () => tenant.client.post<CreatedApiKey>(`/api-keys/${old.id}/rotate`, {});
    const answers = await Promise.all([rotate(), rotate()]);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
    const next = answers.find(({ status }) => status === 201)?.body;
    expect(next?.expiresAt).toBeNull();
    const again = await rotate();
    expect(again.body).toMatchObject({ code: 'invalid_state' });
    expect(JSON.stringify(again.body)).toContain(next?.id);
  });

  it('that have expired are not rotated', async () => {
    const tenant = await api.createTenant();
    const { body } = await tenant.client.post<CreatedApiKey>('/api-keys', {
      name: 'over',
      scopes: ['messages:send'],
    });
    await api.database.tenant(tenant.tenantId, (tx) =>
      tx.query(`UPDATE api_keys SET expires_at = now() - interval '1 s' WHERE id = $1`, [body.id]),
    );
    expect((await tenant.client.post(`/api-keys/${body.id}/rotate`, {})).body).toMatchObject({
      status: 409,
      code: 'invalid_state',
    });
  });

  it('and tenants say where they are when they are created', async () => {
    const { client } = await api.createTenant();
    const created = await client.post<CreatedApiKey>('/api-keys', { name: 'x', scopes: ['messages:send'] });
    expect(created.headers.get('location')).toBe(`/api/v1/api-keys/${created.body.id}`);
    const rotated = await client.post<CreatedApiKey>(`/api-keys/${created.body.id}/rotate`, {});
    expect(rotated.headers.get('location')).toBe(`/api/v1/api-keys/${rotated.body.id}`);
    const tenant = await operator.client.post<{ id: string }>('/tenants', { name: 'New' });
    expect(tenant.headers.get('location')).toBe(`/api/v1/tenants/${tenant.body.id}`);
  });

  it('are revoked for good; revoking again changes nothing', async () => {
    const tenant = await api.createTenant();
    const { body } = await tenant.client.post<CreatedApiKey>('/api-keys', {
      name: 'x',
      scopes: ['messages:send'],
    });
    expect((await tenant.client.request('DELETE', `/api-keys/${body.id}`)).status).toBe(204);
    expect((await tenant.client.request('DELETE', `/api-keys/${body.id}`)).status).toBe(204);
    await waitFor(async () => (await clientOf(body.key).get('/limits')).status === 401, {
      what: 'the revocation',
      deadlineMs: 6_000,
    });
    const audit = await auditOf(tenant.tenantId);
    expect(
      audit.filter(({ action, target_id }) => action === 'api_key.revoked' && target_id === body.id),
    ).toHaveLength(1);
    expect((await tenant.client.post(`/api-keys/${body.id}/rotate`, {})).body).toMatchObject({
      status: 409,
      code: 'invalid_state',
    });
  });

  it('of another tenant cannot be seen, ended, replaced or told from missing ones', async () => {
    const [a, b] = [await api.createTenant(), await api.createTenant()];
    const missing = newId('key');
    const list = await b.client.get<{ data: { id: string }[] }>('/api-keys');
    expect(list.body.data.map((key) => key.id)).toEqual([b.keyId]);
    for (const [method, suffix] of [
      ['DELETE', ''],
      ['POST', '/rotate'],
    ] as const) {
      const body = method === 'POST' ? {} : undefined;
      const foreign = await b.client.request(method, `/api-keys/${a.keyId}${suffix}`, body);
      const absent = await b.client.request(method, `/api-keys/${missing}${suffix}`, body);
      expect(foreign.status).toBe(404);
      expect({ ...foreign.body, requestId: '' }).toEqual({ ...absent.body, requestId: '' });
      expect([...foreign.headers.keys()].sort()).toEqual([...absent.headers.keys()].sort());
    }
    expect((await a.client.get('/limits')).status).toBe(200);
  });

  it('refuse what is not a key request', async () => {
    const { client } = await api.createTenant();
    const bad = [
      { name: 'x' },
      { name: 'x', scopes: [] },
      { name: 'x'.repeat(101), scopes: ['messages:send'] },
      { name: 'a\u0000b', scopes: ['messages:send'] },
      { name: 'x', scopes: ['messages:send'], allowedIps: ['not-an-ip'] },
      { name: 'x', scopes: ['messages:send'], allowedIps: ['10.0.0.0/33'] },
      { name: 'x', scopes: ['messages:send'], expiresAt: 'tomorrow' },
      { name: 'x', scopes: ['messages:send'], expiresAt: new Date(Date.now() - 1_000).toISOString() },
      { name: 'x', scopes: ['messages:send'], tenantId: operator.tenantId },
    ];
    for (const body of bad)
      expect((await client.post('/api-keys', body)).body, JSON.stringify(body)).toMatchObject({
        status: 400,
        code: 'invalid_request',
      });
    expect((await client.get<{ data: unknown[] }>('/api-keys')).body.data).toHaveLength(1);
  });
});
