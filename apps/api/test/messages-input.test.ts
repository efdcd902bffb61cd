import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestTenant } from '../../../test/support/start-api.js';
import { ALEX, handed, interrupted, Messaging, tracesOf } from './messaging.js';
import { expectProblem, type SessionBody } from './session-bodies.js';

/** A GIF of one pixel. */
const GIF = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');
const MISSING = { mediaId: 'med_00000000000000000000000000', message: 'msg_00000000000000000000000000' };

let messaging: Messaging;
let tenant: TestTenant;
let session: SessionBody;
let files: Server;
let filesUrl: string;

beforeAll(async () => {
  messaging = await Messaging.start({
    ALLOW_PRIVATE_MEDIA_URLS: 'true',
    MEDIA_MAX_IMAGE_BYTES: '1000',
    MEDIA_MAX_AUDIO_BYTES: '1000',
    MEDIA_MAX_VIDEO_BYTES: '1000',
    MEDIA_MAX_DOCUMENT_BYTES: '5000',
  });
  messaging.node.scripts['message.send'] = (request) => handed(request, 1);
  ({ tenant, session } = await messaging.connect());
  // Nothing leaves, so that the queue shows what was accepted.
  await messaging.node.become(session.id, interrupted());
  files = createServer((request, response) => {
    if (request.url === '/pixel.gif') response.end(GIF);
    else if (request.url === '/large') response.end(Buffer.concat([GIF, Buffer.alloc(20_000)]));
    else if (request.url === '/cut')
      response.writeHead(200, { 'content-length': '100' }).end(GIF.subarray(0, 5));
    else response.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await once(files, 'listening');
  filesUrl = `http://127.0.0.1:${String((files.address() as AddressInfo).port)}`;
});
afterAll(async () => {
  files?.close();
  await messaging?.close();
});

const traces = () => tracesOf(messaging, tenant.tenantId);

const text = (changes: object = {}) => ({
  session: session.id,
  to: ALEX,
  type: 'text',
  text: 'Hi',
  ...changes,
});
const image = (media: object, changes: object = {}) => ({
  session: session.id,
  to: ALEX,
  type: 'image',
  media,
  ...changes,
});

describe('a request that breaks a rule', () => {
  const CASES: [string, () => object, number, string, string?][] = [
    ['no recipient', () => text({ to: undefined }), 400, 'invalid_request', 'to'],
    ['a recipient that is no number', () => text({ to: 'Alex' }), 422, 'invalid_recipient', 'to'],
    ['a number that is too short', () => text({ to: '+49151' }), 422, 'invalid_recipient', 'to'],
    ['a status as recipient', () => text({ to: 'status@broadcast' }), 422, 'invalid_recipient', 'to'],
    ['no type', () => text({ type: undefined }), 400, 'invalid_request', 'type'],
    ['a type that is not offered', () => text({ type: 'poll' }), 400, 'invalid_request', 'type'],
    ['no text', () => text({ text: undefined }), 400, 'invalid_request', 'text'],
    ['blank text', () => text({ text: ' \n' }), 400, 'invalid_request', 'text'],
    ['text that is too long', () => text({ text: 'x'.repeat(65_537) }), 400, 'invalid_request', 'text'],
    ['text with U+0000', () => text({ text: 'a\u0000b' }), 400, 'invalid_request', 'text'],
    ['half a surrogate pair', () => text({ text: 'a\ud800b' }), 400, 'invalid_request', 'text'],
    ['an unknown field', () => text({ colour: 'red' }), 400, 'invalid_request', 'colour'],
    ['media for a text', () => text({ media: { mediaId: MISSING.mediaId } }), 400, 'invalid_request', 'media'],
    ['a caption for a text', () => text({ caption: 'c' }), 400, 'invalid_request', 'caption'],
    ['an expiry in the past', () => text({ expiresAt: '2020-01-01T00:00:00Z' }), 400, 'invalid_request', 'expiresAt'],
    ['an expiry in a year', () => text({ expiresAt: '2999-01-01T00:00:00Z' }), 400, 'invalid_request', 'expiresAt'],
    ['a priority out of range', () => text({ priority: 10 }), 400, 'invalid_request', 'priority'],
    ['metadata of objects', () => text({ metadata: { a: {} } }), 400, 'invalid_request', 'metadata.a'],
    ['an unknown session', () => text({ session: 'nobody' }), 404, 'not_found'],
    ['a quote of nothing', () => text({ quoted: MISSING.message }), 422, 'quoted_not_found', 'quoted'],
    ['no media', () => image({}), 400, 'invalid_request', 'media'],
    ['two media', () => image({ url: filesUrl, mediaId: MISSING.mediaId }), 400, 'invalid_request', 'media'],
    ['media that is not there', () => image({ mediaId: MISSING.mediaId }), 404, 'not_found'],
    ['base64 that is none', () => image({ base64: '***' }), 400, 'invalid_request', 'media.base64'],
    ['a caption for a voice message', () => image({ url: filesUrl }, { type: 'voice', caption: 'c' }), 400, 'invalid_request', 'caption'],
    ['an image that is text', () => image({ base64: 'aGVsbG8=' }), 422, 'media_type_mismatch', 'type'],
    ['an image sent as video', () => image({ base64: GIF.toString('base64') }, { type: 'video' }), 422, 'media_type_mismatch', 'type'],
    ['an image that is too large', () => image({ base64: Buffer.concat([GIF, Buffer.alloc(2_000)]).toString('base64') }), 413, 'media_too_large'],
    ['a URL that is none', () => image({ url: 'file:///etc/passwd' }), 422, 'media_url_forbidden', 'media.url'],
    ['a URL with credentials', () => image({ url: 'http://a:b@127.0.0.1/' }), 422, 'media_url_forbidden', 'media.url'],
    ['a URL without a file', () => image({ url: `${filesUrl}/missing` }), 422, 'media_url_unreachable', 'media.url'],
    ['a URL that nobody answers', () => image({ url: 'http://127.0.0.1:1/' }), 422, 'media_url_unreachable', 'media.url'],
    ['a URL that breaks off', () => image({ url: `${filesUrl}/cut` }), 422, 'media_url_unreachable', 'media.url'],
    ['a URL with too large a file', () => image({ url: `${filesUrl}/large` }), 413, 'media_too_large'],
  ]; // prettier-ignore

  it.each(CASES)('%s', async (_what, body, status, code, path) => {
    const before = await traces();
    const headers = { 'idempotency-key': 'the same for all' };
    const problem = expectProblem(await tenant.client.post('/messages', body(), headers), status, code);
    if (path) expect(problem.errors?.map((error) => error.path)).toContain(path);
    expect(await traces()).toEqual(before);
  });

  it('broken JSON, another content type, no key, a wrong key, a key without the scope', async () => {
    const before = await traces();
    expectProblem(await tenant.client.request('POST', '/messages', '{"to":', json), 400, 'invalid_json');
    const xml = { 'content-type': 'application/xml' };
    expectProblem(
      await tenant.client.request('POST', '/messages', '<a/>', xml),
      415,
      'unsupported_media_type',
    );
    const anonymous = { authorization: 'Bearer wg_test_wrong' };
    expectProblem(await tenant.client.post('/messages', text(), anonymous), 401, 'unauthenticated');
    const reader = await messaging.api.createKey(tenant.tenantId, { scopes: ['messages:read'] });
    expectProblem(await reader.client.post('/messages', text()), 403, 'insufficient_scope');
    const live = await messaging.api.createKey(tenant.tenantId, { mode: 'live' });
    expectProblem(await live.client.post('/messages', text()), 403, 'wrong_key_mode');
    const bound = await messaging.api.createKey(tenant.tenantId, { sessionIds: ['ses_other'] });
    expectProblem(await bound.client.post('/messages', text()), 403, 'session_not_allowed');
    expect(await traces()).toEqual(before);
  });

  it('a session that cannot send says so and what to do', async () => {
    const { body: other } = await tenant.client.post<SessionBody>('/sessions');
    const refused = await tenant.client.post('/messages', text({ session: other.id }));
    expect(expectProblem(refused, 409, 'session_not_connected').detail).toMatch(/start it/);
    expectProblem(
      await tenant.client.post('/messages', text({ session: undefined })),
      409,
      'session_required',
    );
    await tenant.client.request('DELETE', `/sessions/${other.id}`);
  });

  const json = { 'content-type': 'application/json' };
});
