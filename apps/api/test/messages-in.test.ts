import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MediaStore } from '#media-store';
import { Readable } from 'node:stream';
import { waitFor } from '../../../test/support/index.js';
import type { TestTenant } from '../../../test/support/start-api.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { ALEX, handed, incoming, Messaging, messageWhen, OWN_PHONE, statusOf } from './messaging.js';
import { expectProblem, type PageBody, type SessionBody } from './session-bodies.js';

let messaging: Messaging;
let tenant: TestTenant;
let session: SessionBody;

beforeAll(async () => {
  messaging = await Messaging.start();
});
afterAll(async () => {
  await messaging?.close();
});
beforeEach(async () => {
  ({ tenant, session } = await messaging.connect());
});

async function listed(query = ''): Promise<MessageResource[]> {
  return (await tenant.client.get<PageBody<MessageResource>>(`/messages?limit=100${query}`)).body.data;
}

async function received(): Promise<number> {
  const [row] = await messaging.api.database.workerSql((query) =>
    query<{ sum: number }>(
      `SELECT coalesce(sum(received), 0)::int AS sum FROM usage_daily WHERE tenant_id = $1 AND session_id = $2`,
      [tenant.tenantId, session.id],
    ),
  );
  return row?.sum ?? 0;
}

async function openAttempts(): Promise<number> {
  const rows = await messaging.api.database.workerSql((query) =>
    query(`SELECT FROM message_attempts WHERE session_id = $1 AND ended_at IS NULL`, [session.id]),
  );
  return rows.length;
}

describe('a message that comes in', () => {
  it('is recorded once, with its chat and its author, however often it is reported', async () => {
    await messaging.report(session.id, incoming('A1'), incoming('A1'), incoming('A2'));
    await messaging.report(session.id, incoming('A1', { origin: 'sweep' }), incoming('A3'));
    const messages = await listed();
    expect(messages.map((message) => message.waMessageId).sort()).toEqual(['A1', 'A2', 'A3']);
    expect(messages[0]).toMatchObject({
      direction: 'in',
      origin: 'contact',
      status: 'received',
      text: 'Hello',
      from: { id: `${ALEX}@c.us`, phone: ALEX, lid: null, name: 'Alex Example' },
      to: { phone: OWN_PHONE },
      chat: { id: `${ALEX}@c.us`, kind: 'person', name: 'Alex Example' },
      occurredAt: '2026-01-01T10:00:00.000Z',
    });
    expect(await received()).toBe(3);
    const chats = await tenant.client.get<PageBody<{ waId: string; lastMessageId: string }>>('/chats');
    expect(chats.body.data.map((chat) => chat.waId)).toEqual([`${ALEX}@c.us`]);
    expect(messages.map((message) => message.id)).toContain(chats.body.data[0]?.lastMessageId);
    const contacts = await tenant.client.get<PageBody<{ name: string }>>('/contacts');
    expect(contacts.body.data).toMatchObject([{ phone: ALEX, name: 'Alex Example' }]);
  });

  it('cannot be cancelled, and has not been sent', async () => {
    await messaging.report(session.id, incoming('A1'));
    const [message] = await listed();
    const answer = await tenant.client.post<{ detail: string }>(`/messages/${message!.id}/cancel`);
    expectProblem(answer, 409, 'invalid_state');
    expect(answer.body.detail).toMatch(/came in/);
  });

  it('is one message under the phone form and the LID of its chat', async () => {
    const lid = '83746582910374@lid';
    const person = { id: `${ALEX}@c.us`, phone: ALEX, lid, name: 'Alex Example' };
    const underLid = incoming('B1', {
      waKey: `false_${lid}_B1`,
      chat: { ...person, id: lid, phone: null, kind: 'person' },
      author: { ...person, id: lid, phone: null },
    });
    await messaging.report(session.id, incoming('B1', { chat: { ...person, kind: 'person' } }));
    await messaging.report(session.id, underLid);
    expect(await listed()).toHaveLength(1);
  });

  it('of a group shows the group and who wrote', async () => {
    const group = {
      id: '120363041234567890@g.us',
      kind: 'group' as const,
      name: 'Team',
      phone: null,
      lid: null,
    };
    await messaging.report(
      session.id,
      incoming('C1', { waKey: `false_${group.id}_C1_${ALEX}@c.us`, chat: group }),
    );
    expect(await listed()).toMatchObject([
      { chat: { id: group.id, kind: 'group', name: 'Team' }, from: { phone: ALEX }, to: { id: group.id } },
    ]);
  });

  it('that could not be decrypted is completed when it can be', async () => {
    await messaging.report(session.id, incoming('D1', { content: { type: 'undecryptable' } }));
    expect(await listed()).toMatchObject([{ type: 'undecryptable', text: null }]);
    await messaging.report(session.id, incoming('D1'));
    expect(await listed()).toMatchObject([{ type: 'text', text: 'Hello' }]);
    expect(await received()).toBe(1);
  });

  it('names what it quotes', async () => {
    await messaging.report(session.id, incoming('E1'), incoming('E2', { quotedWaMessageId: 'E1' }));
    const [second, first] = await listed();
    expect(second?.quoted).toEqual({ id: first?.id, waMessageId: 'E1' });
  });
});

describe('a message of ours', () => {
  it('that was written on the phone is recorded as such', async () => {
    const author = { id: `${OWN_PHONE}@c.us`, phone: OWN_PHONE, lid: null, name: null };
    const changes = { waKey: `true_${ALEX}@c.us_F1`, fromMe: true, author, ack: 2 };
    await messaging.report(session.id, incoming('F1', changes), incoming('F1', changes));
    expect(await listed()).toMatchObject([
      {
        direction: 'out',
        origin: 'phone',
        status: 'delivered',
        from: { phone: OWN_PHONE },
        to: { phone: ALEX },
      },
    ]);
    await messaging.ack(session.id, 'F1', 3);
    expect(await listed()).toMatchObject([{ status: 'read' }]);
    expect(await received()).toBe(0);
  });

  it('that was sent through the api is not doubled, also when it is reported before its send is answered', async () => {
    messaging.node.scripts['message.send'] = async (request) => {
      const author = { id: `${OWN_PHONE}@c.us`, phone: OWN_PHONE, lid: null, name: null };
      const waKey = `true_${request.chatId}_${request.waMessageId}`;
      await messaging.report(
        session.id,
        incoming(request.waMessageId, { waKey, fromMe: true, author, ack: 1 }),
      );
      return handed(request, 0);
    };
    const { body } = await tenant.client.post<MessageResource>('/messages/send-text', {
      to: ALEX,
      message: 'Hi',
    });
    await statusOf(tenant, body.id, 'sent');
    await waitFor(async () => (await openAttempts()) === 0, { what: 'the attempt to end' });
    expect((await listed()).map((message) => [message.id, message.origin])).toEqual([[body.id, 'api']]);
  });
});

describe('the file of a message that comes in', () => {
  const bytes = Buffer.from('a picture, as far as anyone here can tell');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const picture = {
    type: 'image' as const,
    caption: 'Look',
    media: { mimeType: 'image/jpeg', filename: null, size: bytes.length, sha256 },
  };

  it('is announced at once and fetched afterwards, again after a failure', async () => {
    let tries = 0;
    messaging.node.scripts['media.download'] = async ({ objectKey, waKey }) => {
      tries += 1;
      expect(waKey).toBe(`false_${ALEX}@c.us_G1`);
      expect(objectKey).toMatch(new RegExp(`^t/${tenant.tenantId}/in/med_`));
      const store = messaging.api.app.get(MediaStore, { strict: false });
      await store.put(objectKey, Readable.from([bytes]), { contentType: 'image/jpeg' });
      return { outcome: 'stored', size: bytes.length, sha256, mimeType: 'image/jpeg', filename: null };
    };
    await messaging.report(session.id, incoming('G1', { content: picture }));
    const [message] = await listed();
    expect(message).toMatchObject({
      type: 'image',
      caption: 'Look',
      media: { mimeType: 'image/jpeg', sha256 },
    });
    const stored = await messageWhen(
      tenant,
      message?.id ?? '',
      'its file',
      ({ media }) => media?.state === 'stored',
    );
    const content = await fetch(messaging.api.baseUrl + (stored.media?.url ?? ''), {
      headers: { authorization: `Bearer ${tenant.key}` },
    });
    expect(Buffer.from(await content.arrayBuffer()).equals(bytes)).toBe(true);
    expect(tries).toBe(1);
    const again = await tenant.client.post<MessageResource>(`/messages/${stored.id}/media/download`);
    expect([again.status, again.body.media?.state]).toEqual([202, 'stored']);
  });

  it('that WhatsApp no longer has is expired, until someone asks again', async () => {
    let isGone = true;
    messaging.node.scripts['media.download'] = () =>
      isGone
        ? { outcome: 'gone', reason: 'not on the server' }
        : { outcome: 'stored', size: 1, sha256, mimeType: 'image/jpeg', filename: null };
    await messaging.report(session.id, incoming('H1', { content: picture }));
    const [message] = await listed();
    const id = message?.id ?? '';
    await messageWhen(tenant, id, 'it to be expired', ({ media }) => media?.state === 'expired');
    isGone = false;
    expect((await tenant.client.post(`/messages/${id}/media/download`)).status).toBe(202);
    await messageWhen(tenant, id, 'its file', ({ media }) => media?.state === 'stored');
  });

  it('is fetched one at a time per session, and a final failure is told', async () => {
    let running = 0;
    let most = 0;
    let calls = 0;
    messaging.node.scripts['media.download'] = async () => {
      calls += 1;
      most = Math.max(most, (running += 1));
      await new Promise((resolve) => setTimeout(resolve, 5));
      running -= 1;
      return { outcome: 'failed', retry: false, reason: 'too_large' };
    };
    const facts = Array.from({ length: 5 }, (_, i) => incoming(`I${String(i)}`, { content: picture }));
    await messaging.report(session.id, ...facts);
    await waitFor(async () => (await listed()).every(({ media }) => media?.state === 'failed'), {
      what: 'all to be given up',
    });
    expect([calls, most]).toEqual([5, 1]);
  });
});
