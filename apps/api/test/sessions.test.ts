import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type TestApi } from '../../../test/support/start-api.js';
import { expectProblem, type PageBody, type SessionBody } from './session-bodies.js';

let api: TestApi;

beforeAll(async () => {
  api = await startApi();
});

afterAll(() => api?.close());

async function asOwner(sql: string): Promise<void> {
  const owner = new Client({ connectionString: api.config.DATABASE_OWNER_URL });
  await owner.connect();
  try {
    await owner.query(sql);
  } finally {
    await owner.end();
  }
}

describe('creating a session', () => {
  it('takes a name or makes one up, and the mode of the key', async () => {
    const { client } = await api.createTenant();
    const named = await client.post<SessionBody>('/sessions', { name: 'support', dailyMessageLimit: 100 });
    expect(named.status).toBe(201);
    expect(named.headers.get('location')).toBe(`/api/v1/sessions/${named.body.id}`);
    expect(named.body).toEqual({
      id: expect.stringMatching(/^ses_[0-9a-z]{26}$/) as string,
      name: 'support',
      mode: 'test',
      state: 'stopped',
      status: 'disconnected',
      reason: 'created',
      reasonText: 'The session was created and has not been started.',
      action: 'start',
      detail: null,
      since: expect.any(String) as string,
      provenAt: null,
      me: null,
      dailyMessageLimit: 100,
      pacing: null,
      typing: false,
      strictOrder: false,
      paused: null,
      createdAt: expect.any(String) as string,
      updatedAt: expect.any(String) as string,
    });
    const unnamed = await client.request<SessionBody>('POST', '/sessions');
    expect(unnamed.status).toBe(201);
    expect(unnamed.body.name).toMatch(/^session-[0-9a-z]{8}$/);
    expect((await client.get<SessionBody>(`/sessions/${unnamed.body.name}`)).body.id).toBe(unnamed.body.id);
  });

  it('is done once per Idempotency-Key', async () => {
    const { client } = await api.createTenant();
    const headers = { 'Idempotency-Key': 'create-1' };
    const first = await client.post<SessionBody>('/sessions', { name: 'one' }, headers);
    const again = await client.post<SessionBody>('/sessions', { name: 'one' }, headers);
    expect(again.status).toBe(201);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expectProblem(await client.post('/sessions', { name: 'two' }, headers), 422, 'idempotency_key_reused');
    expect((await client.get<PageBody<SessionBody>>('/sessions')).body.data).toHaveLength(1);
  });

  it('refuses a name that is taken, and leaves the key of that request free', async () => {
    const { client } = await api.createTenant();
    await client.post('/sessions', { name: 'one' });
    const headers = { 'Idempotency-Key': 'create-2' };
    const taken = await client.post('/sessions', { name: 'one' }, headers);
    expect(expectProblem(taken, 409, 'name_taken').errors?.[0]?.path).toBe('name');
    expect((await client.post('/sessions', { name: 'two' }, headers)).status).toBe(201);
  });

  it('stops at the limit of the tenant, also for requests at the same moment', async () => {
    const { client, tenantId } = await api.createTenant();
    await api.database.workerSql((query) =>
      query('UPDATE tenants SET max_sessions = 3 WHERE id = $1', [tenantId]),
    );
    const answers = await Promise.all(Array.from({ length: 8 }, () => client.post<SessionBody>('/sessions')));
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, 201, 201, 422, 422, 422, 422, 422]);
    const refused = answers.find((answer) => answer.status === 422);
    if (refused) expectProblem(refused, 422, 'session_limit_reached');
    const made = answers.find((answer) => answer.status === 201);
    await client.request('DELETE', `/sessions/${made?.body.id ?? ''}`);
    expect((await client.post('/sessions')).status).toBe(201);
  });

  it.each([
    [{ name: 'Not Allowed' }, 'name'],
    [{ name: 'ses_like-an-id' }, 'name'],
    [{ name: 'status' }, 'name'],
    [{ name: '' }, 'name'],
    [{ mode: 'demo' }, 'mode'],
    [{ dailyMessageLimit: -1 }, 'dailyMessageLimit'],
    [{ dailyMessageLimit: 1.5 }, 'dailyMessageLimit'],
    [{ nmae: 'typo' }, 'nmae'],
  ])('refuses %j and names the field', async (body, path) => {
    const { client } = await api.createTenant();
    const answer = await client.post('/sessions', body);
    expect(expectProblem(answer, 400, 'invalid_request').errors?.[0]?.path).toBe(path);
    expect((await client.get<PageBody<SessionBody>>('/sessions')).body.data).toEqual([]);
  });
});

describe('the list', () => {
  it('shows every session once, newest first, over pages', async () => {
    const { client } = await api.createTenant();
    const ids: string[] = [];
    for (let i = 0; i < 5; i += 1) ids.unshift((await client.post<SessionBody>('/sessions')).body.id);
    const seen: string[] = [];
    for (let cursor = ''; ;) {
      const page = await client.get<PageBody<SessionBody>>(`/sessions?limit=2${cursor}`);
      seen.push(...page.body.data.map((session) => session.id));
      if (page.body.nextCursor === null) break;
      cursor = `&cursor=${page.body.nextCursor}`;
    }
    expect(seen).toEqual(ids);
  });

  it('refuses a cursor that it did not give', async () => {
    const { client } = await api.createTenant();
    expectProblem(await client.get('/sessions?cursor=abc'), 400, 'invalid_cursor');
    expectProblem(await client.get('/sessions?limit=101'), 400, 'invalid_request');
  });
});

describe('changing a session', () => {
  it('sets the name and the daily cap; null gives the cap back to the tenant', async () => {
    const { client } = await api.createTenant();
    const { id } = (await client.post<SessionBody>('/sessions', { name: 'one' })).body;
    const renamed = await client.request<SessionBody>('PATCH', '/sessions/one', { name: 'two' });
    expect(renamed.body).toMatchObject({ id, name: 'two', dailyMessageLimit: null });
    const capped = await client.request<SessionBody>('PATCH', '/sessions/two', { dailyMessageLimit: 5 });
    expect(capped.body).toMatchObject({ name: 'two', dailyMessageLimit: 5 });
    const freed = await client.request<SessionBody>('PATCH', `/sessions/${id}`, { dailyMessageLimit: null });
    expect(freed.body).toMatchObject({ name: 'two', dailyMessageLimit: null });
    expectProblem(await client.get('/sessions/one'), 404, 'not_found');
  });

  it('refuses a name that is taken, an empty change and an unknown field', async () => {
    const { client } = await api.createTenant();
    await client.post('/sessions', { name: 'one' });
    await client.post('/sessions', { name: 'two' });
    expectProblem(await client.request('PATCH', '/sessions/two', { name: 'one' }), 409, 'name_taken');
    expectProblem(await client.request('PATCH', '/sessions/two', {}), 400, 'invalid_request');
    const unknown = await client.request('PATCH', '/sessions/two', { mode: 'live' });
    expect(expectProblem(unknown, 400, 'invalid_request').errors?.[0]?.path).toBe('mode');
  });

  it('makes the daily cap of the session count instead of that of the tenant', async () => {
    const { client, tenantId } = await api.createTenant();
    const { id } = (await client.post<SessionBody>('/sessions', { dailyMessageLimit: 2 })).body;
    const take = () =>
      api.database.tenantSql(tenantId, async (query) => {
        const [row] = await query<{ reached: string | null }>(
          'SELECT wagate_take_daily($1, $2, 1) AS reached',
          [tenantId, id],
        );
        return row?.reached;
      });
    expect([await take(), await take(), await take()]).toEqual([null, null, 'session']);
  });
});

describe('the audit log', () => {
  it('tells who created and deleted a session', async () => {
    const { client, keyId, tenantId } = await api.createTenant();
    const { id } = (await client.post<SessionBody>('/sessions')).body;
    await client.request('DELETE', `/sessions/${id}`);
    const rows = await api.database.tenantSql(tenantId, (query) =>
      query<{ actor: string; action: string }>(
        'SELECT actor, action FROM audit_log WHERE tenant_id = $1 AND target_id = $2 ORDER BY id',
        [tenantId, id],
      ),
    );
    expect(rows).toEqual([
      { actor: keyId, action: 'session.created' },
      { actor: keyId, action: 'session.deleted' },
    ]);
  });

  it('is written with the deletion or neither is', async () => {
    const { client } = await api.createTenant();
    await client.post<SessionBody>('/sessions', { name: 'kept' });
    await asOwner(
      `ALTER TABLE audit_log ADD CONSTRAINT no_room CHECK (action <> 'session.deleted') NOT VALID`,
    );
    expectProblem(await client.request('DELETE', '/sessions/kept'), 500, 'internal');
    await asOwner('ALTER TABLE audit_log DROP CONSTRAINT no_room');
    expect((await client.get('/sessions/kept')).status).toBe(200);
    expect((await client.request('DELETE', '/sessions/kept')).status).toBe(204);
  });
});
