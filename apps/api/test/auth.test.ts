import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import { startApi, type TestApi } from '../../../test/support/start-api.js';
import { generateApiKey } from '../src/auth/index.js';

let api: TestApi;
let owner: pg.Client;

beforeAll(async () => {
  api = await startApi({ AUTH_FAILURES_PER_MINUTE: '100000', TRUSTED_PROXY_HOPS: '1' });
  owner = new pg.Client(api.config.DATABASE_OWNER_URL);
  await owner.connect();
});

afterAll(async () => {
  await owner?.end();
  await api?.close();
});

function limits(headers: Record<string, string>, query = '') {
  return fetch(`${api.baseUrl}/api/v1/limits${query}`, { headers, signal: AbortSignal.timeout(30_000) });
}

describe('a key', () => {
  it('is taken from each of the three headers', async () => {
    const { key } = await api.createTenant();
    const ways: [string, string][] = [
      ['authorization', `Bearer ${key}`],
      ['authorization', `bearer ${key}`],
      ['authorization', `ApiKey ${key}`],
      ['x-api-key', key],
    ];
    for (const [name, value] of ways) {
      expect((await limits({ [name]: value })).status, name).toBe(200);
    }
  });

  it('is refused in one voice, whatever is wrong with it', async () => {
    const { key } = await api.createTenant();
    const last = key.at(-1) === 'a' ? 'b' : 'a';
    const secretStart = key.lastIndexOf('_') + 1;
    const otherSecret = generateApiKey('test').key.slice(-49);
    const answers = await Promise.all([
      limits({}),
      limits({ authorization: `Basic ${key}` }),
      limits({ authorization: 'Bearer' }),
      limits({ authorization: 'Bearer nonsense' }),
      limits({ authorization: `Bearer ${key.slice(0, -1)}${last}` }),
      limits({ authorization: `Bearer ${generateApiKey('test').key}` }),
      limits({ authorization: `Bearer ${key.slice(0, secretStart)}${otherSecret}` }),
      limits({ authorization: `Bearer ${key.replace('wg_test_', 'wg_live_')}` }),
      limits({}, `?api_key=${key}&access_token=${key}`),
    ]);
    const bodies = await Promise.all(
      answers.map(async (answer) => (await answer.json()) as Record<string, unknown>),
    );
    for (const [i, answer] of answers.entries()) {
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      expect({ ...bodies[i], requestId: '' }).toEqual({ ...bodies[0], requestId: '' });
    }
    expect(bodies[0]).toMatchObject({ code: 'unauthenticated' });
  });

  it('stops when it expires', async () => {
    const { client, keyId } = await api.createTenant();
    expect((await client.get('/limits')).status).toBe(200);
    await owner.query(`UPDATE api_keys SET expires_at = now() WHERE id = $1`, [keyId]);
    await waitFor(async () => (await client.get('/limits')).status === 401, {
      what: 'the expiry',
      deadlineMs: 5_000,
    });
  });

  it('stops within five seconds of its revocation, at once where the announcement arrives', async () => {
    const { client, keyId } = await api.createTenant();
    expect((await client.get('/limits')).status).toBe(200);
    await owner.query(`UPDATE api_keys SET revoked_at = now() WHERE id = $1`, [keyId]);
    await waitFor(async () => (await client.get('/limits')).status === 401, {
      what: 'the revocation',
      deadlineMs: 2_000,
    });
  });

  it('stops within five seconds even when the announcement is lost', async () => {
    const { client, keyId } = await api.createTenant();
    expect((await client.get('/limits')).status).toBe(200);
    await owner.query('ALTER TABLE api_keys DISABLE TRIGGER api_keys_changed');
    await owner.query(`UPDATE api_keys SET revoked_at = now() WHERE id = $1`, [keyId]);
    await owner.query('ALTER TABLE api_keys ENABLE TRIGGER api_keys_changed');
    const revokedMs = performance.now();
    let lastUseMs = revokedMs;
    await waitFor(
      async () => {
        const askedMs = performance.now();
        const { status } = await client.get('/limits');
        if (status === 200) lastUseMs = askedMs;
        return status === 401;
      },
      { what: 'the revocation', deadlineMs: 30_000 },
    );
    expect(lastUseMs - revokedMs).toBeLessThan(5_000);
  });

  it('of a suspended tenant says so, and works again when the tenant does', async () => {
    const { client, tenantId } = await api.createTenant();
    await owner.query(`UPDATE tenants SET status = 'suspended' WHERE id = $1`, [tenantId]);
    await waitFor(async () => (await client.get('/limits')).status === 403, {
      what: 'the suspension',
      deadlineMs: 6_000,
    });
    expect((await client.get('/limits')).body).toMatchObject({ code: 'tenant_suspended' });
    await owner.query(`UPDATE tenants SET status = 'active' WHERE id = $1`, [tenantId]);
    await waitFor(async () => (await client.get('/limits')).status === 200, {
      what: 'the reactivation',
      deadlineMs: 6_000,
    });
  });

  it('needs the scope of the operation', async () => {
    const { client } = await api.createTenant({ scopes: ['messages:send'] });
    const answer = await client.get('/api-keys');
    expect(answer.status).toBe(403);
    expect(answer.body).toMatchObject({ code: 'insufficient_scope' });
    expect(answer.body.detail).toContain('keys:manage');
  });

  it('bound to addresses works from them only', async () => {
    const { client } = await api.createTenant();
    const body = {
      name: 'bound',
      scopes: ['messages:send'],
      allowedIps: ['203.0.113.0/24', '2001:db8::/32'],
    };
    const { key } = (await client.post<{ key: string }>('/api-keys', body)).body;
    const from = (address: string) => limits({ authorization: `Bearer ${key}`, 'x-forwarded-for': address });
    expect((await from('203.0.113.9')).status).toBe(200);
    expect((await from('2001:db8::1')).status).toBe(200);
    expect((await from('::ffff:203.0.113.9')).status).toBe(200);
    const refused = await from('198.51.100.1');
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({ code: 'forbidden' });
    expect((await from('203.0.113.9, 198.51.100.1')).status, 'only the trusted hop counts').toBe(403);
  });

  it('is stored as a hash only, and its last use is noted', async () => {
    const { client, keyId, key } = await api.createTenant();
    await client.get('/limits');
    await waitFor(
      async () => {
        const { rows } = await owner.query<{ last_used_at: Date | null }>(
          'SELECT * FROM api_keys WHERE id = $1',
          [keyId],
        );
        expect(JSON.stringify(rows)).not.toContain(key.slice(-49));
        return rows[0]?.last_used_at;
      },
      { what: 'the last use' },
    );
  });
});

describe('an address that fails again and again', () => {
  it('is slowed down without locking out a key that is in use from it', async () => {
    const strict = await startApi({ AUTH_FAILURES_PER_MINUTE: '5' });
    try {
      const { client } = await strict.createTenant();
      expect((await client.get('/limits')).status).toBe(200);
      const guess = () =>
        fetch(`${strict.baseUrl}/api/v1/limits`, { headers: { 'x-api-key': generateApiKey('live').key } });
      const statuses: number[] = [];
      for (let i = 0; i < 8; i += 1) statuses.push((await guess()).status);
      expect(statuses.slice(0, 5)).toEqual([401, 401, 401, 401, 401]);
      expect(statuses.slice(6)).toEqual([429, 429]);
      const refused = await guess();
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await refused.json()).toMatchObject({ code: 'rate_limited', errors: [{ path: 'limit.auth' }] });
      expect((await client.get('/limits')).status).toBe(200);
    } finally {
      await strict.close();
    }
  });
});
