import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type TestApi, type TestTenant } from '../../../test/support/start-api.js';
import { toPage } from '../src/http/index.js';
import { expectProblem } from './session-bodies.js';

/** What no id and no name can be, as it stands in a URL. */
const ODD = ['%00', 'a%00b', 'Support', 'ses_1', '..%2F..', '%F0%9F%98%80', 'x'.repeat(100)];

let api: TestApi;
let tenant: TestTenant;

beforeAll(async () => {
  api = await startApi();
  tenant = await api.createTenant();
});

afterAll(async () => {
  await api?.close();
});

/** A cursor of the list of chats that goes on after this many microseconds since 1970. */
function cursorAt(time: string): string {
  const key = [time, 'cht_01kb6x2vb8c7j0m4qf5t9wz3ye'];
  return toPage('chats', { limit: 1 }, ['a', 'b'], () => key, String).nextCursor ?? '';
}

describe('what names nothing', () => {
  it.each(ODD)('is the ordinary 404: %s', async (odd) => {
    const { client } = tenant;
    const known = await client.get('/sessions/none');
    const { requestId: _, ...ordinary } = known.body;
    for (const path of [`/sessions/${odd}`, `/sessions/${odd}/qr`, `/sessions/status?session=${odd}`]) {
      const answer = await client.get(path);
      expectProblem(answer, 404, 'not_found');
      expect(answer.body).toMatchObject(ordinary);
    }
    for (const path of [
      `/chats/${odd}`,
      `/contacts/${odd}`,
      `/chats?session=${odd}`,
      `/contacts?session=${odd}`,
    ])
      expectProblem(await client.get(path), 404, 'not_found');
  });

  it.each(['a\u0000', '\ud800', 'Support'])('is the ordinary 404 in a body: %j', async (session) => {
    const { client } = tenant;
    const phones = ['+4915112345678'];
    expectProblem(await client.post('/contacts/check', { session, phones }), 404, 'not_found');
    expectProblem(await client.post('/sessions/init', { session }), 404, 'not_found');
    expectProblem(await client.post('/sessions/disconnect', { session }), 404, 'not_found');
    const message = { session, to: '+4915112345678', type: 'text', text: 'Hello' };
    expectProblem(await client.post('/messages', message), 404, 'not_found');
  });
});

describe('what Postgres cannot store', () => {
  it.each(['/chats?search=a%00', '/contacts?search=%00'])('is refused by its field: %s', async (path) => {
    const problem = expectProblem(await tenant.client.get(path), 400, 'invalid_request');
    expect(problem.errors).toEqual([
      { path: 'search', message: 'must not contain U+0000 or half a surrogate pair' },
    ]);
  });

  it('is refused as a name and as a phone number', async () => {
    const named = await tenant.client.post('/sessions', { name: 'a\u0000' });
    expect(expectProblem(named, 400, 'invalid_request').errors?.[0]?.path).toBe('name');
    const checked = await tenant.client.post('/contacts/check', { phones: ['+49151\u000012345678'] });
    expect(expectProblem(checked, 400, 'invalid_request').errors?.[0]?.path).toBe('phones.0');
  });

  it('is refused in a cursor that someone made up', async () => {
    await tenant.client.post('/sessions', { name: 'one' });
    for (const time of ['-999999999999999999', '999999999999999999'])
      expectProblem(await tenant.client.get(`/chats?cursor=${cursorAt(time)}`), 400, 'invalid_cursor');
    for (const time of ['-99999999999999999', '99999999999999999'])
      expect((await tenant.client.get(`/chats?cursor=${cursorAt(time)}`)).status).toBe(200);
  });
});
