import { createHash, randomBytes } from 'node:crypto';
import jsqr from 'jsqr';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HttpClient } from '../support/http-client.js';
import {
  linkSession,
  newPhone,
  sentBy,
  waitForInbound,
  waitForMessage,
  waitForState,
  type MessageView,
  type SessionView,
} from '../support/session-steps.js';
import { startStack, type Stack } from '../support/stack.js';
import { waitFor } from '../support/wait-for.js';

// The package's types speak of a namespace; what it exports is the function.
const jsQR = jsqr as unknown as typeof jsqr.default;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const ARRIVED = ['delivered', 'read'];
// The smallest PNG: one pixel.
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

describe.each(['classic', '2026-09'] as const)('first light on build %s', (profile) => {
  const phone = newPhone();
  const friend = newPhone();
  let stack: Stack;
  let client: HttpClient;
  let session: SessionView;
  let groupId: string;

  beforeAll(async () => {
    stack = await startStack({ profile });
    client = (await stack.createTenant('First light')).client;
    await stack.simulated.post('/accounts', { phone: friend, name: 'Friend', persona: 'late-reader' });
    await stack.simulated.post('/accounts', { phone, name: 'Me' });
    const group = await stack.simulated.post<{ id: string }>('/groups', {
      subject: 'Both',
      members: [phone, friend],
    });
    groupId = group.body.id;
  });
  afterAll(() => stack.close());

  it('shows the same QR as JSON, as a picture and as SVG', async () => {
    const created = await client.post<SessionView>('/sessions', { name: 'qr' });
    expect(created.status).toBe(201);
    await client.post(`/sessions/qr/start`);
    const [json, png, svg] = await waitFor(
      async () => {
        const first = await client.get<{ qr: string; dataUrl: string }>(
          '/sessions/qr/qr?format=json&wait=20',
        );
        const picture = await client.get('/sessions/qr/qr?format=png');
        const drawing = await client.get('/sessions/qr/qr?format=svg');
        const second = await client.get<{ qr: string }>('/sessions/qr/qr?format=json');
        return first.status === 200 && first.body.qr === second.body.qr && [first, picture, drawing];
      },
      { what: 'one QR in all forms', deadlineMs: 120_000 },
    );
    const image = PNG.sync.read(png.bytes);
    expect(jsQR(new Uint8ClampedArray(image.data), image.width, image.height)?.data).toBe(json.body.qr);
    expect(json.headers.get('cache-control')).toContain('no-store');
    expect(svg.bytes.toString()).toContain('<svg');
    expect((await client.request('DELETE', '/sessions/qr')).status).toBeLessThan(300);
  });

  it('is connected once the phone has scanned', async () => {
    session = await linkSession(stack, client, phone, 'main');
    expect(session.me?.phone).toBe(phone);
    expect((await client.get('/sessions/main/qr')).status).toBe(409);
  });

  it.each([
    ['a person', () => friend],
    ['a group', () => groupId],
  ])('sends text to %s once', async (_, to) => {
    const text = `Hello ${randomBytes(4).toString('hex')} ✓`;
    const accepted = await client.post<MessageView>('/messages', {
      session: 'main',
      to: to(),
      type: 'text',
      text,
    });
    expect(accepted.status).toBe(202);
    await waitForMessage(client, accepted.body.id, (m) => ARRIVED.includes(m.status), 'delivery');
    const handed = (await sentBy(stack, phone)).filter((sent) => sent.body === text);
    expect(handed.map((sent) => sent.handOvers)).toEqual([1]);
  });

  it.each([
    ['a person', () => friend],
    ['a group', () => groupId],
  ])('sends a document of 5 MB to %s, byte for byte', async (_, to) => {
    const bytes = randomBytes(5 * 1024 * 1024);
    const form = new FormData();
    form.set('session', 'main');
    form.set('recipient', to());
    form.set('caption', 'The numbers');
    form.set('file', new Blob([bytes], { type: 'application/octet-stream' }), 'numbers.bin');
    const accepted = await client.request<MessageView>('POST', '/messages/send-media', form);
    expect(accepted.status).toBe(202);
    await waitForMessage(client, accepted.body.id, (m) => ARRIVED.includes(m.status), 'delivery');
    const handed = (await sentBy(stack, phone)).filter((sent) => sent.media?.sha256 === sha256(bytes));
    expect(handed).toMatchObject([
      { type: 'document', handOvers: 1, media: { size: bytes.length, filename: 'numbers.bin' } },
    ]);
  });

  it('sends an image with a caption, and quotes what came in', async () => {
    const sent = await stack.simulated.post('/messages', {
      from: friend,
      to: phone,
      type: 'text',
      body: 'Quote me',
    });
    expect(sent.status).toBe(201);
    const received = await waitForInbound(
      client,
      session.id,
      (m) => m.text === 'Quote me',
      'the quoted text',
    );
    const accepted = await client.post<MessageView>('/messages?wait=delivered', {
      session: 'main',
      to: friend,
      type: 'image',
      media: { base64: PIXEL.toString('base64'), filename: 'pixel.png', mimeType: 'image/png' },
      caption: 'A pixel',
      quoted: received.id,
    });
    expect(accepted.status).toBe(200);
    const handed = (await sentBy(stack, phone)).filter((message) => message.type === 'image');
    expect(handed).toMatchObject([{ caption: 'A pixel', media: { sha256: sha256(PIXEL) }, handOvers: 1 }]);
    expect(handed[0]).toMatchObject({ quotedId: sent.body.id });
  });

  it('receives an image and hands out the same bytes', async () => {
    await stack.simulated.post('/messages', {
      from: friend,
      to: phone,
      type: 'image',
      body: 'Look',
      media: { base64: PIXEL.toString('base64'), mimeType: 'image/png' },
    });
    const received = await waitForInbound(
      client,
      session.id,
      (m) => m.type === 'image' && m.media?.state === 'stored',
      'the image to be stored',
    );
    expect(received).toMatchObject({
      caption: 'Look',
      from: { phone: friend },
      media: { sha256: sha256(PIXEL) },
    });
    const content = await client.get(`/media/${received.media!.id}/content`);
    expect(content.status).toBe(200);
    expect(sha256(content.bytes)).toBe(sha256(PIXEL));
    const part = await client.get(`/media/${received.media!.id}/content`, { range: 'bytes=10-19' });
    expect(part.status).toBe(206);
    expect(part.bytes.equals(PIXEL.subarray(10, 20))).toBe(true);
  });

  it('receives in a group, with the author', async () => {
    await stack.simulated.post('/messages', { from: friend, to: groupId, type: 'text', body: 'To all' });
    const received = await waitForInbound(
      client,
      session.id,
      (m) => m.text === 'To all',
      'the group message',
    );
    expect(received).toMatchObject({ chat: { id: groupId }, from: { phone: friend } });
  });

  it('says that a number is not on WhatsApp', async () => {
    const accepted = await client.post<MessageView>('/messages', {
      session: 'main',
      to: newPhone(),
      type: 'text',
      text: 'Anyone?',
    });
    expect(accepted.status).toBe(202);
    const ended = await waitForMessage(client, accepted.body.id, (m) => m.status === 'failed', 'the failure');
    expect(ended.error?.code).toBe('not_on_whatsapp');
  });

  it('is connected again after a restart of everything, with no QR, and has missed nothing', async () => {
    await stack.node.stop();
    await stack.api.stop();
    await stack.simulated.post('/messages', {
      from: friend,
      to: phone,
      type: 'text',
      body: 'While you were out',
    });
    await stack.api.start();
    await stack.node.start();
    await waitForState(client, session.id, 'connected');
    await waitForInbound(client, session.id, (m) => m.text === 'While you were out', 'the missed message');
  });

  it('notices that the phone removed the login', async () => {
    await stack.simulated.post(`/logins/${phone}/unlink`);
    const ended = await waitForState(client, session.id, 'logged_out');
    expect(ended.reason).toBe('unlinked');
    const refused = await client.post('/messages', { session: 'main', to: friend, type: 'text', text: 'No' });
    expect([refused.status, refused.body.code]).toEqual([409, 'session_not_connected']);
  });
});
