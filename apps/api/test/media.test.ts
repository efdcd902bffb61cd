import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MediaStore } from '#media-store';
import type { Answer } from '../../../test/support/http-client.js';
import type { TestTenant } from '../../../test/support/start-api.js';
import { waitFor } from '../../../test/support/index.js';
import type { MediaResource } from '../src/media/media.dto.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { ALEX, handed, Messaging, OWN_PHONE, statusOf } from './messaging.js';
import { connected, snapshot } from './scripted-node.js';
import { expectProblem, type PageBody, type SessionBody } from './session-bodies.js';

const GIF = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');

let messaging: Messaging;
let tenant: TestTenant;
let session: SessionBody;

beforeAll(async () => {
  messaging = await Messaging.start({ MEDIA_MAX_IMAGE_BYTES: '50000', MEDIA_MAX_DOCUMENT_BYTES: '9000000' });
  messaging.node.scripts['message.send'] = (request) => handed(request, 1);
  ({ tenant, session } = await messaging.connect());
});
afterAll(async () => {
  await messaging?.close();
});

function upload(bytes: Uint8Array, name = 'file.bin', type = '', fields: Record<string, string> = {}) {
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) form.set(field, value);
  form.set('file', new Blob([bytes as Uint8Array<ArrayBuffer>], { type }), name);
  return tenant.client.request<MediaResource>('POST', '/media', form);
}

async function objects(): Promise<string[]> {
  const keys: string[] = [];
  const store = messaging.api.app.get(MediaStore, { strict: false });
  for await (const { key } of store.list(`t/${tenant.tenantId}/`)) keys.push(key);
  return keys;
}

async function rows(): Promise<number> {
  return (await tenant.client.get<PageBody<MediaResource>>('/media?limit=100')).body.data.length;
}

describe('an upload', () => {
  it.each([
    ['of any kind', '/media', {}, 10_500_000],
    ['of an image', '/messages/send-media', { recipient: ALEX, type: 'image' }, 17_500_000],
    ['of an image, in steps', '/messages/send-media', { recipient: ALEX, type: 'image' }, 30_000_000],
  ])(
    'larger than the limit %s leaves its connection good for the next request',
    async (_what, path, fields, bytes) => {
      const socket = connect(Number(new URL(messaging.api.baseUrl).port), '127.0.0.1');
      let answers = '';
      socket.on('data', (chunk: Buffer) => (answers += chunk.toString()));
      const parts = Object.entries(fields).map(
        ([name, value]) => `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
      );
      const file =
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n\x89PNG\r\n\x1a\n';
      const head = Buffer.from(parts.join('') + file, 'latin1');
      const body = Buffer.concat([head, Buffer.alloc(bytes), Buffer.from('\r\n--x--\r\n')]);
      socket.write(
        `POST /api/v1${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tenant.key}\r\n` +
          `Content-Length: ${String(body.length)}\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n`,
      );
      socket.write(body);
      await waitFor(() => answers.startsWith('HTTP/1.1 413') && answers.endsWith('}'), {
        what: 'the refusal',
      });
      socket.write('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
      await waitFor(() => answers.includes('HTTP/1.1 200'), { what: 'the next answer' });
      socket.destroy();
    },
  );

  it('is stored as it is, larger than memory buffers, and comes back whole and in parts', async () => {
    const bytes = randomBytes(8_500_000);
    const answer = await upload(bytes, 'Übersicht "2026".xlsx', 'application/octet-stream');
    expect(answer.status).toBe(201);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const { id } = answer.body;
    expect(answer.headers.get('location')).toBe(`/api/v1/media/${id}`);
    expect(answer.body).toMatchObject({ state: 'stored', size: bytes.length, sha256, source: 'upload' });
    const whole = await tenant.client.get(`/media/${id}/content`);
    expect(whole.bytes.equals(bytes)).toBe(true);
    const headers = Object.fromEntries(whole.headers);
    expect(headers).toMatchObject({
      etag: `"${sha256}"`,
      'accept-ranges': 'bytes',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'",
      'content-length': String(bytes.length),
      'content-disposition': `attachment; filename="_bersicht _2026_.xlsx"; filename*=UTF-8''%C3%9Cbersicht%20%222026%22.xlsx`,
    });
    const part = async (range: string, more: Record<string, string> = {}) =>
      tenant.client.get(`/media/${id}/content`, { range, ...more });
    const middle = await part('bytes=1000-1999');
    expect([middle.status, middle.headers.get('content-range')]).toEqual([
      206,
      `bytes 1000-1999/${String(bytes.length)}`,
    ]);
    expect(middle.bytes.equals(bytes.subarray(1000, 2000))).toBe(true);
    expect((await part('bytes=-5')).bytes.equals(bytes.subarray(-5))).toBe(true);
    expect((await part('bytes=8499999-')).bytes.equals(bytes.subarray(8_499_999))).toBe(true);
    const behind = await part('bytes=8500000-');
    expectProblem(behind, 416, 'range_not_satisfiable');
    expect(behind.headers.get('content-range')).toBe(`bytes */${String(bytes.length)}`);
    expect((await part('bytes=0-1', { 'if-range': '"other"' })).status).toBe(200);
    const known = await tenant.client.get(`/media/${id}/content`, { 'if-none-match': `"${sha256}"` });
    expect([known.status, known.bytes.length]).toEqual([304, 0]);
  });

  it.each([
    ['a GIF that says it is HTML', GIF, 'x.html', 'text/html', 'image/gif'],
    ['HTML', '<html><script>alert(1)</script>', 'x.html', 'text/html', 'application/octet-stream'],
    ['HTML that says it is text', '<!DOCTYPE html><p>', 'x.txt', 'text/plain', 'application/octet-stream'],
    [
      'SVG',
      '<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>',
      'x.svg',
      'image/svg+xml',
      'application/octet-stream',
    ],
    [
      'SVG that says it is PNG',
      '<?xml version="1.0"?><svg/>',
      'x.png',
      'image/png',
      'application/octet-stream',
    ],
    ['text', 'Hello', 'x.txt', 'text/plain', 'text/plain'],
    ['a table', 'a;b\n1;2', 'x.csv', '', 'text/csv'],
    [
      'bytes that say they are text',
      Buffer.from([1, 0, 2]),
      'x.txt',
      'text/plain',
      'application/octet-stream',
    ],
    [
      'bytes that say they are an image',
      Buffer.from([1, 2, 3, 4]),
      'x.jpg',
      'image/jpeg',
      'application/octet-stream',
    ],
    ['a script', 'alert(1)', 'x.js', 'text/javascript', 'application/octet-stream'],
    ['a PDF', '%PDF-1.7\n%\n', 'x.bin', '', 'application/pdf'],
  ])('of %s gets its type from the bytes', async (_what, content, name, declared, expected) => {
    const answer = await upload(Buffer.from(content as string), name, declared);
    expect(answer.body.mimeType).toBe(expected);
    const served = await tenant.client.get(`/media/${answer.body.id}/content`);
    expect(served.headers.get('content-type')).toBe(expected);
  });
});

describe('an upload that is refused leaves nothing', () => {
  const refused = async (answer: Promise<Answer<unknown>>, status: number, code: string) => {
    const before = [await rows(), (await objects()).length];
    expectProblem(await answer, status, code);
    expect([await rows(), (await objects()).length]).toEqual(before);
  };
  const form = (fill: (form: FormData) => void) => {
    const data = new FormData();
    fill(data);
    return tenant.client.request('POST', '/media', data);
  };

  it('too large for any kind, or for its own', async () => {
    await refused(upload(Buffer.alloc(9_000_001)), 413, 'media_too_large');
    const picture = Buffer.concat([GIF, Buffer.alloc(60_000)]);
    await refused(upload(picture), 413, 'media_too_large');
    await refused(upload(picture, 'x.gif', 'image/gif', { kind: 'image' }), 413, 'media_too_large');
    expect((await upload(picture, 'x.gif', 'image/gif', { kind: 'document' })).status).toBe(201);
  });

  it('not a form, no file, two files, another field, an empty file, broken', async () => {
    await refused(tenant.client.post('/media', {}), 415, 'unsupported_media_type');
    await refused(
      form((data) => data.set('kind', 'image')),
      400,
      'invalid_multipart',
    );
    const twice = form((data) => {
      data.append('file', new Blob([GIF]));
      data.append('file', new Blob([GIF]));
    });
    await refused(twice, 400, 'invalid_multipart');
    await refused(upload(GIF, 'x.gif', '', { colour: 'red' }), 400, 'invalid_request');
    await refused(upload(Buffer.alloc(0)), 400, 'invalid_request');
    const headers = { 'content-type': 'multipart/form-data; boundary=x' };
    const head = '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n';
    await refused(tenant.client.request('POST', '/media', `${head}abc`, headers), 400, 'invalid_multipart');
    await refused(
      tenant.client.request('POST', '/media', 'nothing of the kind', headers),
      400,
      'invalid_multipart',
    );
    const none = { 'content-type': 'multipart/form-data' };
    await refused(tenant.client.request('POST', '/media', head, none), 400, 'invalid_multipart');
  });

  it('broken off by the client', async () => {
    const before = [await rows(), (await objects()).length];
    const url = new URL(messaging.api.baseUrl);
    const socket = connect(Number(url.port), url.hostname);
    const request =
      `POST /api/v1/media HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tenant.key}\r\nContent-Length: 100000\r\n` +
      `Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n`;
    await new Promise((resolve) => socket.write(request + 'a'.repeat(10_000), resolve));
    socket.destroy();
    // What broke off would have been stored by the time that another one, sent afterwards, is.
    const { body } = await upload(Buffer.alloc(8_500_000));
    await tenant.client.request('DELETE', `/media/${body.id}`);
    expect([await rows(), (await objects()).length]).toEqual(before);
  });

  it('without the scope', async () => {
    const sender = await messaging.api.createKey(tenant.tenantId, { scopes: ['messages:send'] });
    const data = new FormData();
    data.set('file', new Blob([GIF]));
    await refused(sender.client.request('POST', '/media', data), 403, 'insufficient_scope');
  });
});

describe('a file that is sent', () => {
  it('goes by its id, and cannot be deleted before it has left', async () => {
    const { body: media } = await upload(GIF, 'pixel.gif', 'image/gif');
    await messaging.node.become(
      session.id,
      snapshot({ state: 'interrupted', reason: 'network', me: connected(OWN_PHONE).me }),
    );
    const body = { to: ALEX, type: 'image', media: { mediaId: media.id }, caption: 'Look' };
    const { body: message } = await tenant.client.post<MessageResource>('/messages', body);
    expect(message).toMatchObject({
      type: 'image',
      caption: 'Look',
      media: { id: media.id, mimeType: 'image/gif' },
    });
    expectProblem(await tenant.client.request('DELETE', `/media/${media.id}`), 409, 'invalid_state');
    await messaging.node.become(session.id, connected(OWN_PHONE));
    await statusOf(tenant, message.id, 'sent');
    const [call] = messaging.node.callsOf('message.send').filter((one) => one.messageId === message.id);
    expect(call).toMatchObject({
      media: { objectKey: `t/${tenant.tenantId}/up/${media.id}` },
      content: { type: 'image', caption: 'Look', media: { sha256: media.sha256, filename: 'pixel.gif' } },
    });
    expect((await tenant.client.request('DELETE', `/media/${media.id}`)).status).toBe(204);
    expectProblem(await tenant.client.get(`/media/${media.id}`), 404, 'not_found');
    expectProblem(await tenant.client.get(`/media/${media.id}/content`), 404, 'not_found');
    expect((await objects()).some((key) => key.includes(media.id))).toBe(false);
    const { body: after } = await tenant.client.get<MessageResource>(`/messages/${message.id}`);
    expect(after.media).toMatchObject({ id: null, state: 'expired', mimeType: 'image/gif', url: null });
  });

  it('goes in one form, of the type that its bytes say', async () => {
    const data = new FormData();
    data.set('recipient', ALEX);
    data.set('file', new Blob([GIF], { type: 'application/pdf' }), 'pixel.gif');
    data.set('caption', 'Look');
    const answer = await tenant.client.request<MessageResource>(
      'POST',
      '/messages/send-media?wait=sent',
      data,
    );
    expect([answer.status, answer.body.status]).toEqual([200, 'sent']);
    expect(answer.body).toMatchObject({ type: 'image', caption: 'Look', media: { filename: 'pixel.gif' } });
    expect(
      (await tenant.client.get(answer.body.media?.url?.replace('/api/v1', '') ?? '')).bytes.equals(GIF),
    ).toBe(true);
  });
});
