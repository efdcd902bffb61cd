import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '#kernel';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import { IdempotencyPurge } from '../src/idempotency/idempotency-purge.js';
import { IdempotencyService, type IdempotentRequest } from '../src/idempotency/index.js';

let api: TestApi;
let owner: pg.Client;
let service: IdempotencyService;

beforeAll(async () => {
  api = await startApi();
  owner = new pg.Client(api.config.DATABASE_OWNER_URL);
  await owner.connect();
  service = api.app.get(IdempotencyService, { strict: false });
});

afterAll(async () => {
  await owner?.end();
  await api?.close();
});

const BODY = { name: 'once', scopes: ['messages:send'] };

function create({ client }: TestTenant, key: string, body: object = BODY) {
  return client.post<{ id: string; key: string | null; code?: string }>('/api-keys', body, {
    'Idempotency-Key': key,
  });
}

async function keyCount({ client }: TestTenant): Promise<number> {
  return (await client.get<{ data: unknown[] }>('/api-keys?limit=100')).body.data.length;
}

describe('an Idempotency-Key', () => {
  it('gives the same answer again, and does the work once', async () => {
    const tenant = await api.createTenant();
    const first = await create(tenant, 'k-1');
    const second = await create(tenant, 'k-1', { scopes: ['messages:send'], name: 'once' });
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body.id).toBe(first.body.id);
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(await keyCount(tenant)).toBe(2);
  });

  it('does not keep a secret for the second answer', async () => {
    const tenant = await api.createTenant();
    const first = await create(tenant, 'k-1');
    expect((await create(tenant, 'k-1')).body).toEqual({ ...first.body, key: null });
    const { rows } = await owner.query('SELECT * FROM idempotency_keys WHERE tenant_id = $1', [
      tenant.tenantId,
    ]);
    expect(JSON.stringify(rows)).not.toContain(first.body.key);
  });

  it('lets exactly one of many at the same moment through', async () => {
    const tenant = await api.createTenant();
    const answers = await Promise.all(Array.from({ length: 20 }, () => create(tenant, 'k-many')));
    const done = answers.filter((answer) => answer.status === 201);
    const waiting = answers.filter((answer) => answer.status === 409);
    expect(done.length + waiting.length).toBe(20);
    expect(new Set(done.map((answer) => answer.body.id)).size).toBe(1);
    for (const answer of waiting) {
      expect(answer.body.code).toBe('idempotency_in_progress');
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect(await keyCount(tenant)).toBe(2);
  });

  it('is refused for another body', async () => {
    const tenant = await api.createTenant();
    await create(tenant, 'k-1');
    const other = await create(tenant, 'k-1', { ...BODY, name: 'twice' });
    expect(other.body).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
    expect(await keyCount(tenant)).toBe(2);
  });

  it('is not used up by a request that was refused', async () => {
    const tenant = await api.createTenant({ scopes: ['keys:manage', 'messages:send'] });
    expect((await create(tenant, 'k-1', { name: '' })).status).toBe(400);
    expect((await create(tenant, 'k-1', { name: 'x', scopes: ['admin'] })).status).toBe(403);
    expect((await create(tenant, 'k-1')).status).toBe(201);
  });

  it('belongs to one tenant and one operation', async () => {
    const [a, b] = [await api.createTenant(), await api.createTenant()];
    const first = await create(a, 'k-1');
    const second = await create(b, 'k-1');
    expect(second.status).toBe(201);
    expect(second.body.id).not.toBe(first.body.id);
    const rotated = await a.client.post(
      `/api-keys/${first.body.id}/rotate`,
      {},
      { 'Idempotency-Key': 'k-1' },
    );
    expect(rotated.status).toBe(201);
  });

  it('does not give a live key the answer that a test key got', async () => {
    const test = await api.createTenant({ mode: 'test' });
    const live = await api.createKey(test.tenantId, { mode: 'live' });
    const [first, second] = [await create(test, 'k-1'), await create(live, 'k-1')];
    expect(second.status).toBe(201);
    expect(second.headers.get('idempotent-replayed')).toBeNull();
    expect(second.body.id).not.toBe(first.body.id);
  });

  it('does not give a key that is bound to other sessions the answer of another key', async () => {
    const [a, b] = [newId('ses'), newId('ses')];
    const bound = await api.createTenant({ sessionIds: [a, b] });
    const first = await create(bound, 'k-1');
    const turned = await api.createKey(bound.tenantId, { sessionIds: [b, a] });
    expect((await create(turned, 'k-1')).body.id).toBe(first.body.id);
    for (const sessionIds of [[b], null]) {
      const other = await api.createKey(bound.tenantId, { sessionIds });
      expect((await create(other, 'k-1')).body).toMatchObject({
        status: 422,
        code: 'idempotency_key_reused',
      });
    }
  });

  it.each(['', ' ', 'x'.repeat(256)])('is refused when it is malformed: "%s"', async (key) => {
    const tenant = await api.createTenant();
    const answer = await create(tenant, key);
    if (key.trim() === '' && answer.status === 201) throw new Error('an empty key was taken for none');
    expect(answer.body).toMatchObject({
      status: 400,
      code: 'invalid_request',
      errors: [{ path: 'headers.idempotency-key' }],
    });
  });

  it('lasts seven days, then starts anew', async () => {
    const tenant = await api.createTenant();
    const first = await create(tenant, 'k-1');
    const { rows } = await owner.query<{ days: number }>(
      `SELECT extract(epoch FROM expires_at - created_at)::int / 86400 AS days FROM idempotency_keys WHERE tenant_id = $1`,
      [tenant.tenantId],
    );
    expect(rows).toEqual([{ days: 7 }]);
    await owner.query('UPDATE idempotency_keys SET expires_at = now() WHERE tenant_id = $1', [
      tenant.tenantId,
    ]);
    const second = await create(tenant, 'k-1', { ...BODY, name: 'another' });
    expect(second.status).toBe(201);
    expect(second.body.id).not.toBe(first.body.id);
  });

  it('is forgotten by the purge after that, and not before', async () => {
    const [old, fresh] = [await api.createTenant(), await api.createTenant()];
    await create(old, 'k-1');
    await create(fresh, 'k-1');
    await owner.query('UPDATE idempotency_keys SET expires_at = now() WHERE tenant_id = $1', [old.tenantId]);
    expect(await api.app.get(IdempotencyPurge, { strict: false }).purge()).toBeGreaterThanOrEqual(1);
    const { rows } = await owner.query<{ tenant_id: string }>(
      'SELECT tenant_id FROM idempotency_keys WHERE tenant_id = ANY ($1)',
      [[old.tenantId, fresh.tenantId]],
    );
    expect(rows).toEqual([{ tenant_id: fresh.tenantId }]);
  });
});

describe('a request that is still under way', () => {
  const request: IdempotentRequest = {
    key: 'c-1',
    operation: 'POST /x',
    requestHash: Buffer.alloc(32, 1),
    formerHashes: () => [],
  };

  it('leaves its key free when its transaction is rolled back', async () => {
    const { tenantId } = await api.createTenant();
    const boom = new Error('boom');
    const failing = api.database.tenant(tenantId, async (tx) => {
      await service.run(tx, tenantId, request, async () => ({ status: 202, body: {} }));
      throw boom;
    });
    await expect(failing).rejects.toBe(boom);
    const again = await api.database.tenant(tenantId, (tx) =>
      service.run(tx, tenantId, request, async () => ({ status: 202, body: {} })),
    );
    expect(again.replayed).toBe(false);
  });

  it('tells who comes with its key to try again', async () => {
    const { tenantId } = await api.createTenant();
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let began: () => void = () => undefined;
    const hasBegun = new Promise<void>((resolve) => (began = resolve));
    const slow = api.database.tenantSql(tenantId, (query) =>
      service.run(query, tenantId, request, async () => {
        began();
        await held;
        return { status: 202, body: {} };
      }),
    );
    await hasBegun;
    const second = api.database.tenantSql(tenantId, (query) =>
      service.run(query, tenantId, request, async () => ({ status: 202, body: {} })),
    );
    await expect(second).rejects.toMatchObject({ code: 'idempotency_in_progress' });
    release();
    await slow;
  });
});
