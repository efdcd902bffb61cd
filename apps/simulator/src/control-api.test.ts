import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Simulator, startSimulator } from './index.js';

let simulator: Simulator;

beforeAll(async () => {
  simulator = await startSimulator({ profile: 'classic' });
});
afterAll(() => simulator?.close());

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(simulator.controlUrl + path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, value: (await response.json()) as Record<string, unknown> };
}

const ANNA = { phone: '12025550101', name: 'Anna' };
const ME = { phone: '12025550100', name: 'Me' };
const TEXT = { from: ANNA.phone, to: ME.phone, type: 'text', body: 'hello' };

test('accounts and groups are made, updated and listed', async () => {
  expect((await call('POST', '/accounts', ANNA)).status).toBe(201);
  expect((await call('POST', '/accounts', { ...ME, phone: `+${ME.phone}` })).status).toBe(201);
  const renamed = await call('POST', '/accounts', { ...ANNA, name: 'Anna B.', persona: 'echo' });
  expect(renamed).toMatchObject({
    status: 200,
    value: { phone: ANNA.phone, name: 'Anna B.', persona: 'echo' },
  });
  expect((await call('GET', '/accounts')).value).toHaveLength(2);
  const group = await call('POST', '/groups', { subject: 'Friends', members: [ANNA.phone, ME.phone] });
  expect(group).toMatchObject({ status: 201, value: { id: expect.stringMatching(/@g\.us$/) as string } });
});

test('a message as a phone sends it', async () => {
  const sent = await call('POST', '/messages', { ...TEXT, id: 'ABC' });
  expect(sent).toMatchObject({ status: 201, value: { id: 'ABC', timestamp: expect.any(Number) as number } });
  expect((await call('POST', '/messages', { ...TEXT, id: 'ABC' })).status).toBe(200);
  const { value } = await call('GET', `/messages?to=${ME.phone}&limit=1`);
  expect(value).toMatchObject([{ id: 'ABC', body: 'hello', deliveredTo: 0 }]);
});

test('health, the browser route and the page for people', async () => {
  expect((await call('GET', '/health')).value).toMatchObject({ status: 'ok', profile: 'classic' });
  const { args } = (await call('GET', '/browser-route')).value;
  expect(args).toEqual(simulator.browserRoute.args);
  expect(String(args)).toMatch(/MAP web\.whatsapp\.com 127\.0\.0\.1:\d+,MAP \*\.whatsapp\.net/);
  const page = await fetch(simulator.controlUrl);
  expect(page.headers.get('content-type')).toContain('text/html');
});

test.each([
  ['broken JSON', 'POST', '/accounts', '{', 400, undefined],
  ['a missing field', 'POST', '/accounts', { phone: '12025550101' }, 400, 'name'],
  ['an unknown field', 'POST', '/accounts', { ...ANNA, age: 3 }, 400, 'age'],
  [
    'an unknown field inside',
    'POST',
    '/messages',
    { ...TEXT, media: { base64: 'AA==', mimeType: 'a/b', x: 1 } },
    400,
    'media.x',
  ],
  ['a bad phone', 'POST', '/accounts', { phone: 'abc', name: 'x' }, 422, 'phone'],
  ['an unknown persona', 'POST', '/accounts', { ...ANNA, persona: 'ghost' }, 400, 'persona'],
  ['a group with a stranger', 'POST', '/groups', { subject: 'x', members: ['12025550199'] }, 404, 'members'],
  ['an unknown QR', 'POST', '/scan', { qr: 'nonsense', phone: ME.phone }, 422, 'qr'],
  ['a scan with a bad phone', 'POST', '/scan', { qr: 'nonsense', phone: '1' }, 422, 'phone'],
  ['an unknown pairing code', 'POST', '/pair', { code: 'ABCD1234', phone: ME.phone }, 422, 'code'],
  ['a message from a stranger', 'POST', '/messages', { ...TEXT, from: '12025550199' }, 404, 'from'],
  ['a message to a stranger', 'POST', '/messages', { ...TEXT, to: '12025550199' }, 404, 'to'],
  ['a message to an unknown group', 'POST', '/messages', { ...TEXT, to: '1@g.us' }, 404, 'to'],
  ['a text without a body', 'POST', '/messages', { ...TEXT, body: undefined }, 422, 'body'],
  ['an image without media', 'POST', '/messages', { ...TEXT, type: 'image' }, 422, 'media'],
  [
    'media that is not base64',
    'POST',
    '/messages',
    { ...TEXT, type: 'image', media: { base64: '??', mimeType: 'image/png' } },
    400,
    'media.base64',
  ],
  ['a quote of nothing', 'POST', '/messages', { ...TEXT, quotedId: 'NOTHING' }, 404, 'quotedId'],
  ['an ack for a message of a phone', 'POST', '/messages/ABC/ack', { ack: 1 }, 422, 'id'],
  ['an ack out of range', 'POST', '/messages/ABC/ack', { ack: 9 }, 400, 'ack'],
  ['an edit of nothing', 'POST', '/messages/NOTHING/edit', { body: 'x' }, 404, 'id'],
  [
    'a reaction of a stranger',
    'POST',
    '/messages/ABC/react',
    { from: '12025550199', emoji: 'x' },
    404,
    'from',
  ],
  ['unlinking what is not linked', 'POST', `/logins/${ME.phone}/unlink`, undefined, 404, 'phone'],
  ['an unknown state', 'POST', `/logins/${ME.phone}/state`, { state: 'HAPPY' }, 400, 'state'],
  ['a negative time', 'POST', `/logins/${ME.phone}/drop`, { forMs: -1 }, 400, 'forMs'],
  ['an unknown fault', 'POST', '/faults', { kind: 'flood' }, 400, 'kind'],
  ['a fault that needs a name', 'POST', '/faults', { kind: 'missingModule' }, 400, 'name'],
  ['an unknown profile', 'PUT', '/profile', { profile: '2020' }, 400, 'profile'],
  ['an unknown query', 'GET', '/sent?who=me', undefined, 400, 'who'],
  ['a bad limit', 'GET', '/sent?limit=x', undefined, 400, 'limit'],
  ['an unknown route', 'GET', '/nothing', undefined, 404, undefined],
  ['a wrong method', 'DELETE', '/accounts', undefined, 405, undefined],
  ['a broken path', 'GET', '/%zz', undefined, 400, undefined],
])('%s is refused, by field, and changes nothing', async (_what, method, path, body, status, field) => {
  const before = await Promise.all(
    ['/accounts', '/groups', '/messages', '/faults'].map((list) => call('GET', list)),
  );
  const { status: got, value } = await call(method, path, body);
  expect({ status: got, field: value.field }).toEqual({ status, field });
  expect(value.error).toEqual(expect.any(String));
  const after = await Promise.all(
    ['/accounts', '/groups', '/messages', '/faults'].map((list) => call('GET', list)),
  );
  expect(after).toEqual(before);
});

test('a web page of another site cannot steer it', async () => {
  const { status } = await call('POST', '/accounts', ANNA, { origin: 'https://example.com' });
  expect(status).toBe(403);
});

test('faults are replaced, added, listed and removed', async () => {
  const put = await call('PUT', '/faults', { faults: [{ kind: 'noAck', phone: '+12025550100', times: 2 }] });
  expect(put.value).toMatchObject([
    { kind: 'noAck', phone: ME.phone, times: 2, id: expect.any(String) as string },
  ]);
  expect((await call('POST', '/faults', { kind: 'syncNever' })).status).toBe(201);
  expect((await call('GET', '/faults')).value).toHaveLength(2);
  expect((await call('DELETE', '/faults')).value).toEqual([]);
});
