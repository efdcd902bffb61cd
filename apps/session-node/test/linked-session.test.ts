import { randomBytes } from 'node:crypto';
import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import { NodeHarness, newWaMessageId, sha256, textSend } from './support/node-harness.js';

const ME = '4915112345671';
const FRIEND = '4915112345672';
const STRANGER = '4915112345673';
const NOBODY = '4915112345699';
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

interface Sent {
  waMessageId: string;
  to: string;
  type: string;
  body: string | null;
  caption: string | null;
  quotedId: string | null;
  handOvers: number;
  media: { sha256: string; size: number; mimeType: string; filename: string | null } | null;
}

const MEDIA = [
  { type: 'image', mimeType: 'image/png', bytes: PNG, filename: null, caption: 'a pixel' },
  { type: 'video', mimeType: 'video/mp4', bytes: randomBytes(40_000), filename: null, caption: null },
  { type: 'audio', mimeType: 'audio/mpeg', bytes: randomBytes(30_000), filename: null, caption: null },
  {
    type: 'voice',
    mimeType: 'audio/ogg; codecs=opus',
    bytes: randomBytes(20_000),
    filename: null,
    caption: null,
  },
  {
    type: 'document',
    mimeType: 'application/pdf',
    bytes: randomBytes(5 * 1024 * 1024),
    filename: 'report 2026.pdf',
    caption: 'the report',
  },
] as const;

describe.each(['classic', '2026-09'] as const)('a linked session on build %s', (profile) => {
  const harness = new NodeHarness(profile);
  const session = harness.address();
  const objectKey = (name: string): string => `t/${harness.tenantId}/${name}`;
  const send = (order: object) => harness.command('message.send', { ...session, ...order });
  const sent = async (waMessageId: string): Promise<Sent[]> =>
    (await harness.control<Sent[]>('GET', `/sent?from=${ME}`)).filter(
      (one) => one.waMessageId === waMessageId,
    );
  /** The library's answer may come a moment before the network has the frame. */
  const arrived = (waMessageId: string): Promise<Sent[]> =>
    waitFor(
      async () => {
        const list = await sent(waMessageId);
        return list.length > 0 && list;
      },
      { what: 'the message to be handed over' },
    );
  const receive = async (message: object): Promise<string> =>
    (await harness.control<{ id: string }>('POST', '/messages', { from: FRIEND, to: ME, ...message })).id;

  beforeAll(async () => {
    await harness.start();
    await harness.control('POST', '/accounts', { phone: FRIEND, name: 'Friend' });
    await harness.control('POST', '/accounts', { phone: STRANGER, name: 'Stranger' });
    await harness.link(session, ME);
  }, 120_000);
  afterAll(() => harness.stop(), 60_000);

  it('is connected by proof, with its own identity', async () => {
    const { body } = await harness.command('session.diagnostics', session);
    expect(body.snapshot).toMatchObject({ state: 'connected', reason: 'ready', me: { phone: ME } });
    expect(body).toMatchObject({ brokenContracts: [], quarantinedEvents: 0 });
    expect(body.memoryBytes).toBeGreaterThan(1024 * 1024);
    expect(body.shims.find(({ name }) => name === 'message-key')?.state).toBe(
      profile === 'classic' ? 'not_needed' : 'active',
    );
  });

  it('told that there is a QR code, once and without the code', () => {
    const shown = harness.api.factsOf('session.qr', session.sessionId);
    expect(shown.map((fact) => Object.keys(fact).sort())).toEqual(
      shown.map(() => ['attempt', 'expiresAt', 'kind']),
    );
    expect(shown.map(({ attempt }) => attempt)).toEqual(shown.map((_, index) => index + 1));
    expect(shown.length).toBeGreaterThanOrEqual(1);
  });

  it('sends a text under the id that was chosen for it, once', async () => {
    const order = textSend(`${FRIEND}@c.us`, 'hello');
    const first = await send(order);
    expect(first.body).toMatchObject({ outcome: 'handed', chatId: `${FRIEND}@c.us` });
    expect((await send(order)).body).toMatchObject({ outcome: 'handed' });
    expect(await arrived(order.waMessageId)).toMatchObject([{ handOvers: 1, body: 'hello', to: FRIEND }]);
    const acks = (): number[] =>
      [
        ...harness.api.factsOf('message.ack', session.sessionId),
        ...harness.api.factsOf('message.upsert', session.sessionId).map(({ message }) => message),
      ].flatMap(({ waMessageId, ack }) => (waMessageId === order.waMessageId && ack !== null ? [ack] : []));
    await waitFor(() => Math.max(0, ...acks()) >= 1, { what: 'the ack of the server' });
  });

  it('reports a text that comes in', async () => {
    const id = await receive({ type: 'text', body: 'hi there' });
    expect(await harness.waitForMessage(session, id)).toMatchObject({
      fromMe: false,
      chat: { id: `${FRIEND}@c.us`, kind: 'person' },
      author: { phone: FRIEND },
      content: { type: 'text', text: 'hi there' },
    });
  });

  it.each(MEDIA)('sends $type with its exact bytes', async ({ type, mimeType, bytes, filename, caption }) => {
    const key = objectKey(`out-${profile}-${type}`);
    await harness.media.put(key, Readable.from([bytes]), { contentType: mimeType, size: bytes.length });
    const waMessageId = newWaMessageId();
    const media = { mimeType, filename, size: bytes.length, sha256: sha256(bytes) };
    const order = { ...textSend(`${FRIEND}@c.us`, '', waMessageId), content: { type, caption, media } };
    const { body } = await send({ ...order, media: { objectKey: key } });
    expect(body).toMatchObject({ outcome: 'handed' });
    const [message] = await arrived(waMessageId);
    expect(message).toMatchObject({
      type: type === 'voice' ? 'ptt' : type,
      handOvers: 1,
      media: { sha256: sha256(bytes), size: bytes.length },
    });
    if (caption) expect(message?.caption).toBe(caption);
    if (filename) expect(message?.media?.filename).toBe(filename);
  });

  it.each([
    { type: 'image', mimeType: 'image/png', bytes: PNG, filename: undefined },
    { type: 'document', mimeType: 'text/csv', bytes: randomBytes(3_000_000), filename: 'list.csv' },
  ])('downloads a received $type with its exact bytes', async ({ type, mimeType, bytes, filename }) => {
    const media = { base64: bytes.toString('base64'), mimeType, ...(filename ? { filename } : {}) };
    const id = await receive({ type, body: 'see this', media });
    const message = await harness.waitForMessage(session, id);
    expect(message.content).toMatchObject({
      type,
      caption: 'see this',
      media: { mimeType, size: bytes.length, sha256: sha256(bytes) },
    });
    const order = { waKey: message.waKey, objectKey: objectKey(`in-${id}`), maxBytes: 10_000_000 };
    const { body } = await harness.command('media.download', { ...session, ...order });
    expect(body).toMatchObject({ outcome: 'stored', size: bytes.length, sha256: sha256(bytes), mimeType });
    const stored = await harness.media.get(order.objectKey);
    expect(sha256(Buffer.concat(await stored.stream.toArray()))).toBe(sha256(bytes));
    const capped = await harness.command('media.download', { ...session, ...order, maxBytes: 10 });
    expect(capped.body).toEqual({ outcome: 'failed', retry: false, reason: 'too_large' });
  });

  it('stores nothing of media that does not have the promised hash', async () => {
    const media = { base64: PNG.toString('base64'), mimeType: 'image/png' };
    const message = await harness.waitForMessage(session, await receive({ type: 'image', media }));
    await harness.control('PUT', '/faults', { faults: [{ kind: 'wrongHash', phone: ME, times: 1 }] });
    const order = { waKey: message.waKey, objectKey: objectKey(`wrong-${profile}`), maxBytes: 10_000_000 };
    const { body } = await harness.command('media.download', { ...session, ...order });
    expect(body).toEqual({ outcome: 'failed', retry: true, reason: 'hash_mismatch' });
    await expect(harness.media.stat(order.objectKey)).rejects.toMatchObject({ code: 'not_found' });
    await harness.control('DELETE', '/faults');
  });

  it('quotes a message, and refuses to quote one that is not there', async () => {
    const id = await receive({ type: 'text', body: 'a question' });
    const { waKey } = await harness.waitForMessage(session, id);
    const order = textSend(`${FRIEND}@c.us`, 'an answer');
    expect((await send({ ...order, quotedWaKey: waKey })).body).toMatchObject({ outcome: 'handed' });
    expect(await arrived(order.waMessageId)).toMatchObject([{ quotedId: id }]);
    const lost = textSend(`${FRIEND}@c.us`, 'an answer');
    const quotedWaKey = `false_${FRIEND}@c.us_3EB0FFFFFFFFFFFFFFFFFF`;
    expect((await send({ ...lost, quotedWaKey })).body).toMatchObject({
      outcome: 'not_sent',
      retry: false,
      code: 'quoted_not_found',
    });
    expect(await sent(lost.waMessageId)).toEqual([]);
  });

  it('sends to a number it never met, and says who is not on WhatsApp', async () => {
    expect((await send(textSend(`${STRANGER}@c.us`, 'nice to meet you'))).body).toMatchObject({
      outcome: 'handed',
      chatId: `${STRANGER}@c.us`,
    });
    const order = textSend(`${NOBODY}@c.us`, 'anybody?');
    expect((await send(order)).body).toMatchObject({
      outcome: 'not_sent',
      retry: false,
      code: 'not_on_whatsapp',
    });
    expect(await sent(order.waMessageId)).toEqual([]);
    const { body } = await harness.command('number.check', { ...session, phones: [FRIEND, NOBODY] });
    expect(body.results).toMatchObject([
      { phone: FRIEND, exists: true, waId: `${FRIEND}@c.us` },
      { phone: NOBODY, exists: false, waId: null, lid: null },
    ]);
  });

  it('sends to a group and reports who wrote in it', async () => {
    const group = await harness.control<{ id: string }>('POST', '/groups', {
      subject: 'Team',
      members: [ME, FRIEND, STRANGER],
    });
    const id = await receive({ to: group.id, type: 'text', body: 'hello all' });
    expect(await harness.waitForMessage(session, id)).toMatchObject({
      chat: { id: group.id, kind: 'group', name: 'Team' },
      author: { phone: FRIEND },
    });
    const order = textSend(group.id, 'hello back');
    expect((await send(order)).body).toMatchObject({ outcome: 'handed', chatId: group.id });
    expect(await arrived(order.waMessageId)).toMatchObject([{ to: group.id, handOvers: 1 }]);
    const { body } = await harness.command('message.lookup', {
      ...session,
      messages: [{ waMessageId: order.waMessageId, chatId: group.id, nodeBootId: harness.node.bootId }],
    });
    expect(body).toMatchObject({ found: [{ waMessageId: order.waMessageId }], neverStarted: [] });
  });

  it.each([
    { fault: 'sendThrowsBeforeId', outcome: { outcome: 'not_sent', code: 'rejected' }, handOvers: 0 },
    { fault: 'sendThrowsAfterId', outcome: { outcome: 'unknown' }, handOvers: 0 },
    { fault: 'sendThrowsAfterHandOver', outcome: { outcome: 'handed' }, handOvers: 1 },
    { fault: 'sendReturnsUndefined', outcome: { outcome: 'handed' }, handOvers: 1 },
  ])('tells the truth of a send when $fault', async ({ fault, outcome, handOvers }) => {
    await harness.control('PUT', '/faults', { faults: [{ kind: fault, phone: ME, times: 1 }] });
    // The page has the fault once it has what came after it.
    await harness.waitForMessage(session, await receive({ type: 'text', body: 'after the fault' }));
    const order = textSend(`${FRIEND}@c.us`, 'will it leave?');
    expect((await send(order)).body).toMatchObject(outcome);
    const seen = handOvers === 0 ? await sent(order.waMessageId) : await arrived(order.waMessageId);
    expect(seen.map((message) => message.handOvers)).toEqual(handOvers === 0 ? [] : [handOvers]);
    await harness.control('DELETE', '/faults');
    expect((await send(textSend(`${FRIEND}@c.us`, 'the next one'))).body).toMatchObject({
      outcome: 'handed',
    });
  });

  it('connects again without a QR after a restart', async () => {
    const pid = await harness.browserPid(session);
    await harness.command('session.restart', { ...session, mode: 'test' });
    await harness.waitForState(session, 'connected');
    expect(await harness.browserPid(session)).not.toBe(pid);
    expect((await harness.command('session.qr', { ...session, waitMs: 0 })).body.qr).toBeNull();
    expect((await send(textSend(`${FRIEND}@c.us`, 'back again'))).body).toMatchObject({ outcome: 'handed' });
    if (profile === '2026-09') {
      const { body } = await harness.command('session.diagnostics', session);
      expect(body.shims.find(({ name }) => name === 'warm-sync')?.state).toBe('active');
    }
  }, 120_000);

  it('is logged out when the phone removes it, keeps no profile, and can be started at once', async () => {
    const mark = join(harness.folder, 'profiles', session.sessionId, `session-${session.sessionId}`, 'mark');
    await writeFile(mark, '');
    await harness.control('POST', `/logins/${ME}/unlink`);
    const snapshot = await harness.waitForState(session, 'logged_out');
    expect(snapshot).toMatchObject({ reason: 'unlinked', action: 'relink', me: null });
    await harness.link(session, ME);
    await expect(access(mark)).rejects.toMatchObject({ code: 'ENOENT' });
    const metrics = await (await fetch(`${harness.node.url}/metrics`)).text();
    expect(metrics).not.toMatch(/^wagate_node_stray_failures_total\{.*\} [1-9]/m);
  }, 120_000);

  it('unlinks at WhatsApp when it is logged out by request', async () => {
    const known = harness.api.factsOf('session.state', session.sessionId).length;
    const { body } = await harness.command('session.logout', session);
    expect(body.snapshot).toMatchObject({ state: 'logged_out', reason: 'logged_out' });
    const logins = await harness.control<{ linked: { phone: string }[] }>('GET', '/logins');
    expect(logins.linked.filter(({ phone }) => phone === ME)).toEqual([]);
    await waitFor(() => harness.api.factsOf('session.state', session.sessionId).length > known, {
      what: 'the logout to be reported',
    });
    const reported = harness.api.factsOf('session.state', session.sessionId).slice(known);
    expect(reported.map(({ snapshot }) => snapshot.reason)).toEqual(['logged_out']);
  }, 60_000);

  it('is linked by a pairing code', async () => {
    await harness.command('session.start', { ...session, mode: 'test' });
    await harness.waitForState(session, 'pairing');
    const { body } = await harness.command('session.pairing-code', { ...session, phone: ME });
    expect(await harness.snapshot(session)).toMatchObject({ reason: 'pairing_code', action: 'open_phone' });
    await harness.control('POST', '/pair', { code: body.code, phone: ME });
    expect(await harness.waitForState(session, 'connected')).toMatchObject({ me: { phone: ME } });
    const again = await harness.command('session.pairing-code', { ...session, phone: ME });
    expect(again).toMatchObject({ status: 409, body: { code: 'qr_not_available' } });
  }, 60_000);
});
