import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SystemClock } from '#kernel';
import { MediaStore } from '#media-store';
import { messageSchema, type MessageResource } from '../src/messages/message-resource.js';
import type { MediaResource } from '../src/media/media.dto.js';
import { RetentionCleaner } from '../src/retention/index.js';
import { ALEX as ALEX_TWICE, at } from './change-facts.js';
import { chatWith, named, targetIn } from './inbound.js';
import { ALEX, messageWhen, Messaging, statusOf } from './messaging.js';
import { SendingSession } from './sending-session.js';
import { expectProblem } from './session-bodies.js';

const ALONE = { turnTimeoutMs: 0 };
const KEY = { 'idempotency-key': 'once' };
const FOR_A_MONTH = { messages: 30, media: 30 };

/** A month from now: what is made in these tests is old. */
class LaterClock extends SystemClock {
  override now(): Date {
    return new Date(Date.now() + 31 * 86_400_000);
  }
}

let messaging: Messaging;
let own: SendingSession;
let cleaner: RetentionCleaner;

beforeAll(async () => {
  messaging = await Messaging.start();
  const store = messaging.api.app.get(MediaStore, { strict: false });
  cleaner = new RetentionCleaner(messaging.api.database, store, { defaults: FOR_A_MONTH }, new LaterClock());
});
afterAll(() => messaging?.close());
beforeEach(async () => {
  own = await SendingSession.connect(messaging);
});

function body(changes: object = {}): object {
  const noted = { clientRef: 'secret reference', metadata: { note: 'secret note' } };
  return { session: own.session.id, to: ALEX, type: 'text', text: 'secret words', ...noted, ...changes };
}

function send(changes: object = {}, query = '') {
  return own.tenant.client.post<MessageResource>(`/messages${query}`, body(changes), KEY);
}

/** All that is kept of the tenant's keys, as text. */
async function keptAnswers(): Promise<string> {
  const rows = await messaging.api.database.workerSql((query) =>
    query('SELECT response_body, resource_id FROM idempotency_keys WHERE tenant_id = $1', [
      own.tenant.tenantId,
    ]),
  );
  return JSON.stringify(rows);
}

describe('the answer kept for a message that was removed', () => {
  it('says no more what it said and to whom, and is still the answer of its key', async () => {
    const first = await send();
    await statusOf(own.tenant, first.body.id, 'sent');
    expect(await keptAnswers()).toContain('secret');
    expect(await cleaner.clean(ALONE)).toMatchObject({ messages: 1 });
    expect(await keptAnswers()).not.toMatch(new RegExp(`secret|${ALEX}`));
    for (const query of ['', '?wait=sent']) {
      const again = await send({}, query);
      expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([202, 'true']);
      expect(messageSchema.parse(again.body)).toMatchObject({
        ...{ id: first.body.id, status: 'sent', type: 'unsupported', createdAt: first.body.createdAt },
        ...{ text: null, clientRef: null, metadata: null, chat: { id: null, phone: null } },
      });
    }
    expectProblem(await send({ text: 'other words' }), 422, 'idempotency_key_reused');
    expect(own.calls).toHaveLength(1);
  });

  it('stays with its message while somebody holds its key, and goes with it at the next clean-up', async () => {
    const { id } = (await send()).body;
    await statusOf(own.tenant, id, 'sent');
    await messaging.api.database.workerSql(async (query) => {
      await query('SELECT FROM idempotency_keys WHERE tenant_id = $1 FOR UPDATE', [own.tenant.tenantId]);
      expect(await cleaner.clean(ALONE)).toMatchObject({ messages: 0 });
    });
    await statusOf(own.tenant, id, 'sent');
    expect(await keptAnswers()).toContain('secret');
    expect(await cleaner.clean(ALONE)).toMatchObject({ messages: 1 });
    expect(await keptAnswers()).not.toContain('secret');
  });

  it('does not name its file any more, and neither does the answer of the upload', async () => {
    const upload = () => {
      const form = new FormData();
      form.set('file', new Blob(['bytes']), 'secret.txt');
      return own.tenant.client.request<MediaResource>('POST', '/media', form, KEY);
    };
    const { id: mediaId } = (await upload()).body;
    const document = { type: 'document', text: undefined, caption: 'secret caption', media: { mediaId } };
    const { body: message } = await send(document);
    await statusOf(own.tenant, message.id, 'sent');
    expect(await keptAnswers()).toMatch(/secret.txt.*secret.txt/);
    expect(await cleaner.clean(ALONE)).toMatchObject({ messages: 1, media: 1 });
    expect(await keptAnswers()).not.toContain('secret');
    const again = await upload();
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
    expect(again.body).toMatchObject({ id: mediaId, state: 'expired', filename: null, url: null });
    expect((await send(document)).body).toMatchObject({ id: message.id, caption: null, media: null });
  });
});

describe('the answer kept for a message that was deleted for everyone', () => {
  it('says no more what it said, and is still the answer of its key', async () => {
    const first = await send();
    const sent = await statusOf(own.tenant, first.body.id, 'sent');
    const chat = chatWith(ALEX_TWICE, 'phone');
    await messaging.report(own.session.id, {
      kind: 'message.revoke',
      target: targetIn(chat, sent.waMessageId ?? '', true),
      by: named(ALEX_TWICE, 'phone'),
      at: at(3),
    });
    await messageWhen(own.tenant, sent.id, 'its end', ({ revokedAt }) => revokedAt !== null);
    expect(await keptAnswers()).not.toContain('secret words');
    const again = await send();
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([202, 'true']);
    expect(messageSchema.parse(again.body)).toMatchObject({
      ...{ id: sent.id, type: 'unsupported', text: null, revokedAt: at(3) },
      chat: { phone: ALEX },
    });
    expect(own.calls).toHaveLength(1);
  });
});
