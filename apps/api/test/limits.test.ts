import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';

let api: TestApi;
let owner: pg.Client;

beforeAll(async () => {
  api = await startApi();
  owner = new pg.Client(api.config.DATABASE_OWNER_URL);
  await owner.connect();
});

afterAll(async () => {
  await owner?.end();
  await api?.close();
});

function limit(tenantId: string, columns: Record<string, number>): Promise<unknown> {
  const set = Object.keys(columns).map((name, i) => `${name} = $${i + 2}`);
  return owner.query(`UPDATE tenants SET ${set.join(', ')} WHERE id = $1`, [
    tenantId,
    ...Object.values(columns),
  ]);
}

describe('rate limits', () => {
  it('are on every answer and count down', async () => {
    const { client, tenantId } = await api.createTenant();
    await limit(tenantId, { key_requests_per_minute: 60, requests_per_minute: 600 });
    const first = await client.get('/limits');
    const second = await client.get('/nothing');
    expect(first.headers.get('ratelimit-limit')).toBe('60');
    expect(first.headers.get('ratelimit-remaining')).toBe('59');
    expect(second.headers.get('ratelimit-remaining')).toBe('58');
    expect(Number(second.headers.get('ratelimit-reset'))).toBeGreaterThan(0);
    expect(first.headers.get('ratelimit-policy')).toBe('60;w=60;name="key", 600;w=60;name="tenant"');
  });

  it('stop a key that is too fast, say which limit it is, and let other keys go on', async () => {
    const fast = await api.createTenant();
    const other = await api.createKey(fast.tenantId);
    await limit(fast.tenantId, { key_requests_per_minute: 3 });
    const answers = [];
    for (let i = 0; i < 4; i += 1) answers.push(await fast.client.get('/limits'));
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 429]);
    const refused = answers[3];
    expect(refused?.body).toMatchObject({ code: 'rate_limited', errors: [{ path: 'limit.key' }] });
    const retryAfter = Number(refused?.headers.get('retry-after'));
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(20);
    expect(refused?.headers.get('ratelimit-remaining')).toBe('0');
    expect((await other.client.get('/limits')).status).toBe(200);
  });

  it('hold all keys of a tenant together to its limit, and no other tenant', async () => {
    const one = await api.createTenant();
    const two = await api.createKey(one.tenantId);
    const stranger = await api.createTenant();
    await limit(one.tenantId, { requests_per_minute: 3 });
    const statuses: number[] = [];
    for (const { client } of [one, two, one, two]) statuses.push((await client.get('/limits')).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    expect((await two.client.get('/limits')).body).toMatchObject({ errors: [{ path: 'limit.tenant' }] });
    expect((await stranger.client.get('/limits')).status).toBe(200);
  });

  it('are shown', async () => {
    const { client, tenantId } = await api.createTenant();
    await limit(tenantId, { max_sessions: 7, daily_message_limit: 9, key_requests_per_minute: 50 });
    await api.database.tenantSql(tenantId, (query) =>
      query('SELECT wagate_take_daily($1, NULL, 2)', [tenantId]),
    );
    expect((await client.get('/limits')).body).toMatchObject({
      rate: { key: { limit: 50, windowSeconds: 60 }, tenant: { limit: 12_000 } },
      messages: { dailyLimit: 9, sessionDailyLimit: null, acceptedToday: 2, remainingToday: 7 },
      sessions: { limit: 7 },
    });
  });
});

describe('rate limits whose Redis is away', () => {
  it('hold in each process, and the log tells of it once', async () => {
    const lonely = await startApi({ REDIS_URL: 'redis://127.0.0.1:9' });
    try {
      const { client, tenantId } = await lonely.createTenant();
      await lonely.database.worker((tx) =>
        tx.query('UPDATE tenants SET key_requests_per_minute = 3 WHERE id = $1', [tenantId]),
      );
      const statuses: number[] = [];
      for (let i = 0; i < 5; i += 1) statuses.push((await client.get('/limits')).status);
      expect(statuses).toEqual([200, 200, 200, 429, 429]);
      expect(lonely.logged.filter(({ msg }) => String(msg).startsWith('Redis does not'))).toHaveLength(1);
    } finally {
      await lonely.close();
    }
  });
});

describe('usage', () => {
  const today = new Date().toISOString().slice(0, 10);

  async function createSession({ client }: TestTenant): Promise<string> {
    return (await client.post<{ id: string }>('/sessions')).body.id;
  }

  async function use(tenantId: string, sessionId: string): Promise<void> {
    await api.database.tenantSql(tenantId, async (query) => {
      await query('SELECT wagate_take_daily($1, $2, 3)', [tenantId, sessionId]);
      await query(
        `UPDATE usage_daily SET sent = 2, failed = 1, received = 5, media_bytes = 1000
         WHERE tenant_id = $1 AND session_id = $2 AND accepted = 3`,
        [tenantId, sessionId],
      );
    });
  }

  it('is summed per day and per session, for the asking tenant only', async () => {
    const [a, b] = [await api.createTenant(), await api.createTenant()];
    const sessions = [await createSession(a), await createSession(a)];
    for (const sessionId of sessions) await use(a.tenantId, sessionId);
    const counts = { accepted: 3, sent: 2, delivered: 0, failed: 1, received: 5, mediaBytes: 1000 };
    const doubled = { accepted: 6, sent: 4, delivered: 0, failed: 2, received: 10, mediaBytes: 2000 };
    const whole = await a.client.get('/usage');
    expect(whole.body).toMatchObject({
      to: today,
      data: [{ period: today, sessionId: null, ...doubled }],
      total: doubled,
    });
    const bySession = await a.client.get<{ data: { sessionId: string }[] }>('/usage?by=session');
    expect(bySession.body.data).toHaveLength(2);
    expect(bySession.body.data).toEqual(
      expect.arrayContaining([{ period: today, sessionId: sessions[0], ...counts }]),
    );
    const month = await a.client.get(`/usage?granularity=month&session=${sessions[1]}`);
    expect(month.body).toMatchObject({ data: [{ period: today.slice(0, 7), ...counts }] });
    expect((await b.client.get(`/usage?session=${sessions[0]}`)).body).toMatchObject({ code: 'not_found' });
  });

  it('shows a key that is bound to sessions only theirs', async () => {
    const tenant = await api.createTenant();
    const { tenantId } = tenant;
    const [mine, other] = [await createSession(tenant), await createSession(tenant)];
    await use(tenantId, mine);
    await use(tenantId, other);
    const { client } = await api.createKey(tenantId, { sessionIds: [mine] });
    expect((await client.get('/usage')).body).toMatchObject({ total: { accepted: 3 } });
    expect((await client.get(`/usage?session=${other}`)).body).toMatchObject({ code: 'session_not_allowed' });
  });

  it.each([
    'from=2026-02-30',
    'from=2026-01-02&to=2026-01-01',
    'from=2024-01-01&to=2026-01-01',
    'by=session&from=2026-01-01&to=2026-03-01',
    'page=2',
    'to=0000-06-01',
  ])('refuses %s', async (query) => {
    const { client } = await api.createTenant();
    expect((await client.get(`/usage?${query}`)).body).toMatchObject({
      status: 400,
      code: 'invalid_request',
    });
  });
});
