import { Readable } from 'node:stream';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SystemClock, type Clock } from '#kernel';
import { MediaStore } from '#media-store';
import type { TestTenant } from '../../../test/support/start-api.js';
import { waitFor } from '../../../test/support/index.js';
import { MediaRepository, type MediaRecord } from '../src/media/index.js';
import type { MediaResource } from '../src/media/media.dto.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { CleanerBusy, NOTHING, RetentionCleaner, RetentionWorker } from '../src/retention/index.js';
import { ALEX, handed, incoming, messageWhen, Messaging, OWN_PHONE, statusOf } from './messaging.js';
import { connected, snapshot } from './scripted-node.js';
import { expectProblem, type SessionBody } from './session-bodies.js';

const BYTES = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');
const ALONE = { turnTimeoutMs: 0 };
const MESSAGES_ONLY = { messages: 30, media: 0 };

/** A month from now: what is made in these tests is old. */
class LaterClock extends SystemClock {
  override now(): Date {
    return new Date(Date.now() + 31 * 86_400_000);
  }
}

let messaging: Messaging;
let tenant: TestTenant;
let session: SessionBody;
let store: MediaStore;
let cleaner: RetentionCleaner;

beforeAll(async () => {
  messaging = await Messaging.start();
  messaging.node.scripts['message.send'] = (request) => handed(request, 1);
  messaging.node.scripts['media.download'] = async ({ objectKey }) => {
    const { size, sha256 } = await store.put(objectKey, Readable.from([BYTES]), { contentType: 'image/gif' });
    return { outcome: 'stored', size, sha256, mimeType: 'image/gif', filename: null };
  };
  store = messaging.api.app.get(MediaStore, { strict: false });
});
afterAll(async () => {
  await messaging?.close();
});
beforeEach(async () => {
  // What other tests left must not be counted.
  await cleanerAt(new LaterClock(), { messages: 1, media: 1 }).clean(ALONE);
  await sql('DELETE FROM object_sweeps', []);
  ({ tenant, session } = await messaging.connect());
  cleaner = cleanerAt(new LaterClock());
});

function sql<Row extends object>(text: string, values: unknown[]): Promise<Row[]> {
  return messaging.api.database.workerSql((query) => query<Row & Record<string, unknown>>(text, values));
}

function cleanerAt(clock: Clock, defaults = MESSAGES_ONLY): RetentionCleaner {
  return new RetentionCleaner(messaging.api.database, store, { defaults }, clock);
}

/** Makes a row as old as told to the cleaner, to which all others are 31 days old. */
async function age(table: 'messages' | 'media', id: string, days: number): Promise<void> {
  await sql(`UPDATE ${table} SET created_at = now() + make_interval(days => $2) WHERE id = $1`, [
    id,
    31 - days,
  ]);
}

async function objects(): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(`t/${tenant.tenantId}/`)) keys.push(key);
  return keys;
}

async function upload(): Promise<MediaResource> {
  const form = new FormData();
  form.set('file', new Blob([BYTES], { type: 'image/gif' }), 'pixel.gif');
  return (await tenant.client.request<MediaResource>('POST', '/media', form)).body;
}

async function receive(waMessageId: string): Promise<MessageResource> {
  const media = { mimeType: 'image/gif', filename: null, size: BYTES.length, sha256: null };
  const content = { type: 'image' as const, caption: waMessageId, media };
  await messaging.report(session.id, incoming(waMessageId, { content }));
  const { body } = await tenant.client.get<{ data: MessageResource[] }>('/messages?direction=in&limit=1');
  const id = body.data[0]?.id ?? '';
  return messageWhen(tenant, id, 'its file', ({ media: file }) => file?.state === 'stored');
}

async function sendText(text: string, more: object = {}): Promise<MessageResource> {
  const body = { session: session.id, to: ALEX, type: 'text', text, ...more };
  return (await tenant.client.post<MessageResource>('/messages', body)).body;
}

async function leave(): Promise<void> {
  const me = connected(OWN_PHONE).me;
  await messaging.node.become(session.id, snapshot({ state: 'interrupted', reason: 'network', me }));
}

describe('what is kept no longer', () => {
  it('goes: messages with the files that came with them, and what is told of them; what is younger stays', async () => {
    const old = await receive('OLD1');
    const young = await receive('YOUNG1');
    await age('messages', young.id, 29);
    const expected = { ...NOTHING, messages: 1, media: 1, objects: 1, bytes: BYTES.length };
    expect(await cleaner.count()).toEqual(expected);
    expect(await objects()).toHaveLength(2);
    expect(await cleaner.clean(ALONE)).toEqual(expected);
    expectProblem(await tenant.client.get(`/messages/${old.id}`), 404, 'not_found');
    expectProblem(await tenant.client.get(`/media/${old.media?.id ?? ''}`), 404, 'not_found');
    expect(await sql(`SELECT FROM events WHERE data ->> 'messageId' = $1`, [old.id])).toEqual([]);
    expect((await objects()).map((key) => key.split('/').at(-1))).toEqual([young.media?.id]);
    expect(await cleaner.clean(ALONE)).toEqual(NOTHING);
  });

  it('goes for files alone, and their messages show them as gone', async () => {
    const { id } = await receive('FILE1');
    const filesOnly = cleanerAt(new LaterClock(), { messages: 0, media: 30 });
    expect(await filesOnly.clean(ALONE)).toEqual({ ...NOTHING, media: 1, objects: 1, bytes: BYTES.length });
    const { body } = await tenant.client.get<MessageResource>(`/messages/${id}`);
    expect(body.media).toMatchObject({ id: null, state: 'expired', error: 'removed' });
    expectProblem(await tenant.client.post(`/messages/${id}/media/download`), 410, 'media_gone');
  });

  it("is as long as the tenant's own figures say, and for ever with 0", async () => {
    const sent = await sendText('kept');
    await statusOf(tenant, sent.id, 'sent');
    await sql('UPDATE tenants SET message_retention_days = 0 WHERE id = $1', [tenant.tenantId]);
    expect(await cleaner.clean(ALONE)).toEqual(NOTHING);
    await sql('UPDATE tenants SET message_retention_days = 32 WHERE id = $1', [tenant.tenantId]);
    expect(await cleaner.clean(ALONE)).toEqual(NOTHING);
    await sql('UPDATE tenants SET message_retention_days = 1 WHERE id = $1', [tenant.tenantId]);
    expect(await cleaner.clean(ALONE)).toEqual({ ...NOTHING, messages: 1 });
  });
});

describe('what WhatsApp Web shows again', () => {
  const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();
  const listed = async () => {
    const { body } = await tenant.client.get<{ data: MessageResource[] }>('/messages');
    return body.data.map(({ waMessageId }) => waMessageId);
  };
  const told = () =>
    sql('SELECT FROM events WHERE tenant_id = $1 AND type LIKE $2', [tenant.tenantId, 'message.%']);

  it('does not come back once it is kept no longer, and is not told', async () => {
    const old = incoming('SHOWN1', { timestamp: daysAgo(31) });
    const young = incoming('SHOWN2', { timestamp: daysAgo(29) });
    await messaging.report(session.id, old);
    expect(await listed()).toEqual(['SHOWN1']);
    expect(await cleaner.clean(ALONE)).toMatchObject({ messages: 1 });
    await sql('UPDATE tenants SET message_retention_days = 30 WHERE id = $1', [tenant.tenantId]);
    expect(await messaging.report(session.id, old)).toEqual([]);
    expect(await listed()).toEqual([]);
    expect(await told()).toHaveLength(0);
    expect(await messaging.report(session.id, old, young)).toEqual([]);
    expect(await listed()).toEqual(['SHOWN2']);
    expect(await told()).toHaveLength(1);
  });
});

describe('what a message that has not left needs', () => {
  it('stays: itself, its file, and what it quotes; and goes when it has left', async () => {
    await messaging.report(session.id, incoming('QUOTED1'));
    const { body: list } = await tenant.client.get<{ data: MessageResource[] }>('/messages?limit=1');
    const both = cleanerAt(new LaterClock(), { messages: 30, media: 30 });
    const file = await upload();
    await leave();
    const reply = await sendText('a reply', { quoted: list.data[0]?.id });
    const picture = { session: session.id, to: ALEX, type: 'image', media: { mediaId: file.id } };
    const { body: withFile } = await tenant.client.post<MessageResource>('/messages', picture);
    expect(await both.count()).toEqual(NOTHING);
    expect(await both.clean(ALONE)).toEqual(NOTHING);
    await messaging.node.become(session.id, connected(OWN_PHONE));
    await statusOf(tenant, reply.id, 'sent');
    await statusOf(tenant, withFile.id, 'sent');
    const sent = messaging.node.callsOf('message.send').find((call) => call.messageId === reply.id);
    expect(String(sent?.quotedWaKey)).toContain('QUOTED1');
    expect(await both.clean(ALONE)).toMatchObject({ messages: 3, media: 1, objects: 1 });
  });
});

describe('objects', () => {
  it('whose row went before a crash are removed afterwards, and counted once', async () => {
    const file = await upload();
    const repository = messaging.api.app.get(MediaRepository, { strict: false });
    const record = { tenantId: tenant.tenantId, id: file.id } satisfies Partial<MediaRecord>;
    await repository.discard(record.tenantId, record.id);
    expect(await objects()).toHaveLength(1);
    const [one, other] = await Promise.all([
      cleaner.clean({ turnTimeoutMs: 30_000 }),
      cleaner.clean({ turnTimeoutMs: 30_000 }),
    ]);
    expect(one.objects + other.objects).toBe(1);
    expect(one.bytes + other.bytes).toBe(BYTES.length);
    expect(await objects()).toEqual([]);
  });

  it('that cannot be removed do not hold back those behind them, and stay noted', async () => {
    await sql(
      `INSERT INTO media_removals (tenant_id, object_key) SELECT $1, 't/' || $1 || '/up/bad' || n FROM generate_series(1, 60) AS n`,
      [tenant.tenantId],
    );
    const file = await upload();
    await messaging.api.app.get(MediaRepository, { strict: false }).discard(tenant.tenantId, file.id);
    const failing = Object.create(store, {
      delete: {
        value: (key: string) =>
          key.includes('/bad') ? Promise.reject(new Error('access denied')) : store.delete(key),
      },
    }) as MediaStore;
    const partly = new RetentionCleaner(
      messaging.api.database,
      failing,
      { defaults: MESSAGES_ONLY },
      new LaterClock(),
    );
    expect(await partly.clean(ALONE)).toMatchObject({ objects: 1 });
    expect(await objects()).toEqual([]);
    expect(await cleaner.clean(ALONE)).toMatchObject({ objects: 60 });
  });

  it('that never got a row are removed once they are old enough; what is not ours is left alone', async () => {
    const put = (key: string) => store.put(key, Readable.from([BYTES]), { contentType: 'image/gif' });
    const lost = `t/${tenant.tenantId}/up/med_${'0'.repeat(26)}`;
    await put(lost);
    await put('t/foreign/object');
    await put('backup/of/somebody');
    const kept = await upload();
    const careful = cleanerAt(new SystemClock());
    expect(await careful.clean(ALONE)).toEqual(NOTHING);
    await sql('DELETE FROM object_sweeps', []);
    expect(await cleaner.count()).toEqual({ ...NOTHING, orphans: 1, bytes: BYTES.length });
    expect(await cleaner.clean(ALONE)).toEqual({ ...NOTHING, orphans: 1, bytes: BYTES.length });
    expect(await objects()).toEqual([`t/${tenant.tenantId}/up/${kept.id}`]);
    await Promise.all(['t/foreign/object', 'backup/of/somebody'].map((key) => store.stat(key)));
  });

  it('are looked at once a day', async () => {
    await cleaner.clean(ALONE);
    await store.put(`t/${tenant.tenantId}/up/med_${'1'.repeat(26)}`, Readable.from([BYTES]), {
      contentType: 'image/gif',
    });
    expect(await cleaner.clean(ALONE)).toEqual(NOTHING);
    await sql(`UPDATE object_sweeps SET finished_at = now() - interval '25 hours'`, []);
    expect((await cleaner.clean(ALONE)).orphans).toBe(1);
  });
});

describe('the clean-up', () => {
  it('leaves it to another process that is at it', async () => {
    await messaging.api.database.workerSql(async (query) => {
      await query(`SELECT pg_advisory_xact_lock(hashtextextended('wagate retention', 0))`);
      await expect(cleaner.clean(ALONE)).rejects.toBeInstanceOf(CleanerBusy);
    });
    expect(await cleaner.clean(ALONE)).toEqual(NOTHING);
  });

  it('goes on with the other tenants when what one has cannot be removed, and tells of it', async () => {
    const failing = tenant.tenantId;
    const kept = await sendText('kept');
    await statusOf(tenant, kept.id, 'sent');
    ({ tenant, session } = await messaging.connect());
    const removed = [await sendText('removed'), await sendText('removed too')];
    for (const { id } of removed) await statusOf(tenant, id, 'sent');
    const owner = new pg.Client(messaging.api.config.DATABASE_OWNER_URL);
    await owner.connect();
    try {
      await owner.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN RAISE EXCEPTION ''refused''; END'`);
      await owner.query(`CREATE TRIGGER refused BEFORE DELETE ON messages FOR EACH ROW
        WHEN (OLD.tenant_id = '${failing}') EXECUTE FUNCTION refuse()`);
      const failed: string[] = [];
      const options = { ...ALONE, onFailed: (tenantId: string) => void failed.push(tenantId) };
      expect(await cleaner.clean(options)).toMatchObject({ messages: removed.length });
      expect(failed).toEqual([failing]);
      await expect(cleaner.clean(ALONE)).rejects.toThrow('refused');
    } finally {
      await owner.query('DROP FUNCTION IF EXISTS refuse CASCADE');
      await owner.end();
    }
    expect(await cleaner.clean(ALONE)).toMatchObject({ messages: 1 });
  });

  it('tells in the metrics and the log what it removed', async () => {
    const file = await upload();
    await messaging.api.app.get(MediaRepository, { strict: false }).discard(tenant.tenantId, file.id);
    await messaging.api.app.get(RetentionWorker, { strict: false }).clean();
    const metrics = await (await fetch(`${messaging.api.baseUrl}/metrics`)).text();
    expect(metrics).toMatch(/^wagate_retention_removed_total\{kind="objects"\} [1-9]/m);
    expect(metrics).toMatch(/^wagate_retention_removed_bytes_total [1-9]/m);
    await waitFor(
      () => messaging.api.logged.find((line) => line.objects === 1 && line.bytes === BYTES.length),
      {
        what: 'the line',
      },
    );
  });
});
