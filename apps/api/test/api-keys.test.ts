import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '#kernel';
import { waitFor } from '../../../test/support/index.js';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import type { CreatedApiKey } from '../src/api-keys/index.js';
import { auditOf, clientOf } from './key-steps.js';

let api: TestApi;
let operator: TestTenant;

beforeAll(async () => {
  api = await startApi();
  operator = await api.createTenant({ mode: 'live' });
});

afterAll(() => api?.close());

async function createSession({ client }: TestTenant): Promise<string> {
  const { body } = await client.post<{ id: string }>('/sessions');
  return body.id;
}

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
    expect((await clientOf(api, old.key).get('/limits')).status).toBe(200);
    expect((await clientOf(api, next.key).get('/limits')).status).toBe(200);
    await tenant.client.post(`/api-keys/${next.id}/rotate`, { overlapSeconds: 0 });
    await waitFor(async () => (await clientOf(api, next.key).get('/limits')).status === 401, {
      what: 'the end of the overlap',
      deadlineMs: 6_000,
    });
    expect((await auditOf(api, tenant.tenantId)).map(({ action }) => action)).toContain('api_key.rotated');
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
    await waitFor(async () => (await clientOf(api, body.key).get('/limits')).status === 401, {
      what: 'the revocation',
      deadlineMs: 6_000,
    });
    const audit = await auditOf(api, tenant.tenantId);
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
