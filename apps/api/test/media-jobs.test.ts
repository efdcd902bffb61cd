import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { MediaDescriptor, NodeRequest, NodeResponse } from '#contracts';
import { MediaStore } from '#media-store';
import type { TestTenant } from '../../../test/support/start-api.js';
import { waitFor } from '../../../test/support/index.js';
import { MediaJobWorker } from '../src/media/index.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { incoming, messageWhen, Messaging, OWN_PHONE } from './messaging.js';
import { connected, snapshot } from './scripted-node.js';
import { expectProblem, type SessionBody } from './session-bodies.js';

type Request = NodeRequest<'media.download'>;
type Answer = NodeResponse<'media.download'>;

const BYTES = Buffer.from('a picture, as far as anyone here can tell');
const SHA256 = createHash('sha256').update(BYTES).digest('hex');
const FAILS: Answer = { outcome: 'failed', retry: true, reason: 'download_failed' };
const GONE: Answer = { outcome: 'gone', reason: 'not on the server' };

let messaging: Messaging;
let tenant: TestTenant;
let session: SessionBody;
let last = 0;

beforeAll(async () => {
  messaging = await Messaging.start({ MEDIA_DOWNLOAD_ATTEMPTS: '3', MEDIA_RETRY_FIRST_SECONDS: '1' });
  ({ tenant, session } = await messaging.connect());
});
afterAll(async () => {
  await messaging?.close();
});
beforeEach(() => {
  messaging.node.scripts['media.download'] = store;
});

/** What a node does that finds everything in order. */
async function store({ objectKey }: Request, bytes = BYTES): Promise<Answer> {
  const objects = messaging.api.app.get(MediaStore, { strict: false });
  const { size, sha256 } = await objects.put(objectKey, Readable.from([bytes]), {
    contentType: 'image/jpeg',
  });
  return { outcome: 'stored', size, sha256, mimeType: 'image/jpeg', filename: null };
}

/** A picture that came in; resolves with its message. */
async function receive(media: Partial<MediaDescriptor> = {}): Promise<MessageResource> {
  last += 1;
  const waMessageId = `MEDIA${String(last)}`;
  const described = { mimeType: 'image/jpeg', filename: null, size: BYTES.length, sha256: SHA256, ...media };
  const content = { type: 'image' as const, caption: waMessageId, media: described };
  await messaging.report(session.id, incoming(waMessageId, { content }));
  const list = await tenant.client.get<{ data: MessageResource[] }>('/messages?direction=in&limit=100');
  const message = list.body.data.find(({ caption }) => caption === waMessageId);
  if (!message) throw new Error('the message is not there');
  return message;
}

const mediaIs = (id: string, state: string) =>
  messageWhen(tenant, id, `its file to be ${state}`, ({ media }) => media?.state === state);

const again = (id: string) => tenant.client.post<MessageResource>(`/messages/${id}/media/download`);

function sql<Row extends object>(text: string, values: unknown[]): Promise<Row[]> {
  return messaging.api.database.workerSql((query) => query<Row & Record<string, unknown>>(text, values));
}

/** Types and data of the events of one file, but for those of its message. */
function told(mediaId: string): Promise<{ type: string; data: Record<string, unknown> }[]> {
  return sql(
    `SELECT type, data FROM events WHERE type LIKE 'media.%' AND data -> 'media' ->> 'id' = $1 ORDER BY position`,
    [mediaId],
  );
}

describe('a download', () => {
  it('ends stored, told once with its message and hash', async () => {
    const { id, media } = await receive();
    await mediaIs(id, 'stored');
    const mediaId = media?.id ?? '';
    expect(await told(mediaId)).toMatchObject([
      {
        type: 'media.ready',
        data: {
          messageId: id,
          media: { id: mediaId, state: 'stored', sha256: SHA256, size: BYTES.length, error: null },
        },
      },
    ]);
  });

  it('that fails is tried again, and ends failed with its reason when its attempts are used up', async () => {
    let calls = 0;
    messaging.node.scripts['media.download'] = () => {
      calls += 1;
      return FAILS;
    };
    const { id, media } = await receive();
    const failed = await mediaIs(id, 'failed');
    expect([calls, failed.media?.error]).toEqual([3, 'download_failed']);
    expect((await told(media?.id ?? '')).map(({ type }) => type)).toEqual(['media.failed']);
  });

  it('of other bytes than WhatsApp announced is never stored, whatever the node says', async () => {
    const wrong = Buffer.from('something else');
    messaging.node.scripts['media.download'] = (request) => store(request, wrong);
    const { id, media } = await receive();
    const failed = await mediaIs(id, 'failed');
    expect(failed.media).toMatchObject({ error: 'hash_mismatch', url: null });
    const objects = messaging.api.app.get(MediaStore, { strict: false });
    const key = `t/${tenant.tenantId}/in/${media?.id ?? ''}`;
    await waitFor(
      () =>
        objects.stat(key).then(
          () => false,
          () => true,
        ),
      { what: 'the bytes to be removed' },
    );
  });

  it('that finds the object store away costs no attempt, and is stored when it is back', async () => {
    let calls = 0;
    messaging.node.scripts['media.download'] = (request) => {
      calls += 1;
      if (calls === 1) return { outcome: 'failed', retry: true, reason: 'store_unavailable' };
      return store(request);
    };
    const { id, media } = await receive();
    await mediaIs(id, 'stored');
    const rows = await sql<{ attempts: number }>('SELECT attempts FROM media WHERE id = $1', [media?.id]);
    expect([calls, rows]).toEqual([2, [{ attempts: 1 }]]);
  });

  it('of a file that is announced as too large is not begun', async () => {
    const { id } = await receive({ size: 2 * 1024 ** 3 });
    const failed = await mediaIs(id, 'failed');
    expect(failed.media?.error).toBe('too_large');
    const asked = messaging.node
      .callsOf('media.download')
      .filter(({ waKey }) => String(waKey).endsWith(`MEDIA${String(last)}`));
    expect(asked).toEqual([]);
  });

  it('that a process had begun which is gone is taken over at once', async () => {
    let mayEnd = false;
    messaging.node.scripts['media.download'] = (request) => (mayEnd ? store(request) : GONE);
    const { id, media } = await receive();
    await mediaIs(id, 'expired');
    mayEnd = true;
    await sql(
      `UPDATE media SET state = 'pending', next_attempt_at = now(), claimed_by = 'wagate-api-00dead',
         claimed_until = now() + interval '1 hour' WHERE id = $1`,
      [media?.id],
    );
    await mediaIs(id, 'stored');
  });

  it('of which this process lost sight is taken up again', async () => {
    messaging.node.scripts['media.download'] = () => GONE;
    const { id, media } = await receive();
    await mediaIs(id, 'expired');
    messaging.node.scripts['media.download'] = store;
    await sql(
      `UPDATE media SET state = 'pending', next_attempt_at = now(), claimed_until = now() + interval '1 hour',
         claimed_by = (SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()) WHERE id = $1`,
      [media?.id],
    );
    await mediaIs(id, 'stored');
  });
});

describe('downloading again', () => {
  it('fetches what was given up, and changes nothing when it is asked twice', async () => {
    messaging.node.scripts['media.download'] = () => GONE;
    const { id } = await receive();
    await mediaIs(id, 'expired');
    messaging.node.scripts['media.download'] = store;
    const answers = await Promise.all([again(id), again(id), again(id)]);
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    await mediaIs(id, 'stored');
    const asked = messaging.node.callsOf('media.download').length;
    expect((await again(id)).body.media?.state).toBe('stored');
    expect(messaging.node.callsOf('media.download').length).toBe(asked);
  });

  it('refuses what cannot be fetched, and says why', async () => {
    await messaging.report(session.id, incoming('NOFILE'));
    const { body } = await tenant.client.get<{ data: MessageResource[] }>('/messages?type=text&limit=1');
    expectProblem(await again(body.data[0]?.id ?? ''), 422, 'media_not_downloadable');

    const { id, media } = await receive();
    await mediaIs(id, 'stored');
    await tenant.client.request('DELETE', `/media/${media?.id ?? ''}`);
    expectProblem(await again(id), 410, 'media_gone');

    messaging.node.scripts['media.download'] = () => GONE;
    const { id: lost } = await receive();
    await mediaIs(lost, 'expired');
    const away = snapshot({ state: 'interrupted', reason: 'network', me: connected(OWN_PHONE).me });
    await messaging.node.become(session.id, away);
    expectProblem(await again(lost), 409, 'session_not_connected');
    expect((await tenant.client.get<MessageResource>(`/messages/${lost}`)).body.media?.state).toBe('expired');
    await messaging.node.become(session.id, connected(OWN_PHONE));

    const other = await messaging.api.createTenant();
    expectProblem(await other.client.post(`/messages/${lost}/media/download`), 404, 'not_found');
  });
});

describe('the end of a session', () => {
  it.each([
    ['session_deleted', (id: string) => tenant.client.request('DELETE', `/sessions/${id}`)],
    [
      'session_logged_out',
      (id: string) => messaging.node.become(id, snapshot({ state: 'logged_out', reason: 'unlinked' })),
    ],
  ])('ends what waits in WhatsApp, told once: %s', async (code, endSession) => {
    const before = { tenant, session };
    ({ tenant, session } = await messaging.connect());
    try {
      messaging.node.scripts['media.download'] = () => FAILS;
      const files = [await receive(), await receive()].map(({ id, media }) => ({
        id,
        media: media?.id ?? '',
      }));
      await sql(`UPDATE media SET next_attempt_at = now() + interval '1 hour' WHERE session_id = $1`, [
        session.id,
      ]);
      await endSession(session.id);
      for (const { id, media } of files) {
        const failed = { id: media, state: 'failed', url: null, error: code, sha256: SHA256 };
        expect(await told(media)).toEqual([
          {
            type: 'media.failed',
            data: { messageId: id, media: expect.objectContaining(failed) as unknown },
          },
        ]);
      }
    } finally {
      ({ tenant, session } = before);
    }
  });
});

describe('the end of a process', () => {
  it('gives back what it was fetching', async () => {
    messaging.node.scripts['media.download'] = () => new Promise<Answer>(() => undefined);
    const { id, media } = await receive();
    const claim = async () => {
      const [row] = await sql<{ by: string | null; state: string }>(
        'SELECT claimed_by AS by, state FROM media WHERE id = $1',
        [media?.id],
      );
      return row;
    };
    await waitFor(async () => (await claim())?.by != null, { what: 'the claim' });
    await messaging.api.app.get(MediaJobWorker, { strict: false }).beforeApplicationShutdown();
    expect(await claim()).toEqual({ by: null, state: 'pending' });
    expect((await tenant.client.get<MessageResource>(`/messages/${id}`)).body.media?.state).toBe('pending');
  });
});
