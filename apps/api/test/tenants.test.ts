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
    const client = clientOf(api, created.body.firstKey.key);
    expect((await client.get('/limits')).body).toMatchObject({
      sessions: { limit: 3 },
      messages: { dailyLimit: 100 },
    });
    expect((await client.get('/tenants')).body).toMatchObject({ status: 403, code: 'insufficient_scope' });
    expect(await auditOf(api, created.body.id)).toMatchObject([
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
    const client = clientOf(api, body.firstKey.key);
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
