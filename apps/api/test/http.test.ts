import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type TestApi } from '../../../test/support/start-api.js';

let api: TestApi;

beforeAll(async () => {
  api = await startApi();
});

afterAll(() => api?.close());

describe('smoke', () => {
  it('answers with limits', async () => {
    const { client } = await api.createTenant();
    const answer = await client.get('/limits');
    expect(answer.body).toMatchObject({ sessions: { limit: 50 } });
    console.log(answer.headers, answer.body);
    console.log(await client.get('/api-keys?limit=0&x=1'), await client.get('/nothing'), await client.post('/tenants', { name: 'x', firstKey: {} }, { 'Idempotency-Key': 'abc' }));
    console.log((await client.request('DELETE', '/tenants')).headers, (await fetch(api.baseUrl + '/openapi.json')).status);
  });
});
