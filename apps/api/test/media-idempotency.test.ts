import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { MediaResource } from '../src/media/media.dto.js';
import type { TestTenant } from '../../../test/support/start-api.js';
import { waitFor } from '../../../test/support/index.js';
import { Messaging, tracesOf } from './messaging.js';
import { expectProblem } from './session-bodies.js';

const BYTES = Buffer.from('the same bytes each time');

let messaging: Messaging;
let tenant: TestTenant;

beforeAll(async () => {
  messaging = await Messaging.start();
});
afterAll(() => messaging?.close());
beforeEach(async () => {
  tenant = await messaging.api.createTenant();
});

function upload(key: string, bytes = BYTES, fields: Record<string, string> = {}) {
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) form.set(field, value);
  form.set('file', new Blob([bytes]), 'note.txt');
  return tenant.client.request<MediaResource>('POST', '/media', form, { 'Idempotency-Key': key });
}

const traces = () => tracesOf(messaging, tenant.tenantId);

describe('an Idempotency-Key of an upload', () => {
  it('gives the same file again, and keeps nothing of a repeated one', async () => {
    const first = await upload('k-1');
    expect(first.status).toBe(201);
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    const kept = await traces();
    const again = await upload('k-1');
    expect(again.status).toBe(201);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.headers.get('location')).toBe(`/api/v1/media/${first.body.id}`);
    expect(again.body).toEqual(first.body);
    expect(await traces()).toEqual(kept);
    expect((await upload('k-2')).body.id).not.toBe(first.body.id);
  });

  it('makes one file of many equal uploads at the same moment', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => upload('k-many')));
    const done = answers.filter(({ status }) => status === 201);
    expect(done.length).toBeGreaterThan(0);
    expect(new Set(done.map(({ body }) => body.id)).size).toBe(1);
    for (const answer of answers)
      if (answer.status !== 201) expectProblem(answer, 409, 'idempotency_in_progress');
    expect(await traces()).toMatchObject({ media: 1, keys: 1, objects: [expect.any(String)] });
  });

  it('is written together with its file: nothing is left of an upload that ends in between', async () => {
    const { database } = messaging.api;
    const waits = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
      AND query LIKE '%INSERT INTO idempotency_keys%'`;
    const running = await database.workerSql(async (query) => {
      await query('LOCK TABLE idempotency_keys IN SHARE MODE');
      const uploading = upload('k-1');
      // Only its bytes are there yet.
      const stored = expect.objectContaining({ objects: [expect.any(String)] }) as unknown;
      await waitFor(async () => expect(await traces()).toEqual(stored) ?? true, { what: 'its bytes' });
      const isWaiting = () => database.tenantSql(tenant.tenantId, (look) => look(waits));
      await waitFor(async () => (await isWaiting()).length === 1, {
        what: 'the upload to wait for its key',
      });
      expect(await traces()).toMatchObject({ media: 0, keys: 0 });
      return [uploading];
    });
    expect((await Promise.all(running))[0]).toMatchObject({ status: 201 });
    expect(await traces()).toMatchObject({ media: 1, keys: 1 });
  });

  it('is refused for other bytes and other fields, which leave nothing', async () => {
    await upload('k-1');
    const kept = await traces();
    expectProblem(await upload('k-1', Buffer.from('other bytes')), 422, 'idempotency_key_reused');
    expectProblem(await upload('k-1', BYTES, { kind: 'document' }), 422, 'idempotency_key_reused');
    expect(await traces()).toEqual(kept);
  });

  it('is refused when it is none, and not used up by an upload that was refused', async () => {
    expectProblem(await upload('k'.repeat(256)), 400, 'invalid_request');
    expectProblem(await upload('k-1', Buffer.alloc(0)), 400, 'invalid_request');
    expect(await traces()).toMatchObject({ media: 0, keys: 0, objects: [] });
    expect((await upload('k-1')).status).toBe(201);
  });
});
