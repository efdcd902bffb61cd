import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { NodeFact } from '#contracts';
import type { TestTenant } from '../../../test/support/start-api.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { ALEX, at, edit, react, revoke, SAM } from './change-facts.js';
import { allMessages, chatWith, eventsOf, pairOf, targetIn, textFrom } from './inbound.js';
import { handed, Messaging, statusOf } from './messaging.js';
import type { SessionBody } from './session-bodies.js';

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

const report = (...facts: NodeFact[]) => messaging.report(session.id, ...facts);
const told = (prefix = 'message.') => eventsOf(messaging.api, tenant.tenantId, prefix);

async function only(): Promise<MessageResource> {
  const messages = await allMessages(tenant, '/messages');
  expect(messages).toHaveLength(1);
  return messages[0]!;
}

describe('an edit', () => {
  it('changes the text, keeps the earlier ones, and is told once', async () => {
    await report(textFrom(ALEX, 'both', 'A1'));
    await report(edit('A1', 'Second', 1), edit('A1', 'Second', 1));
    await report(edit('A1', 'Third', 2), textFrom(ALEX, 'both', 'A1'), edit('A1', 'Second', 1));
    expect(await only()).toMatchObject({
      text: 'Third',
      editedAt: at(2),
      previousVersions: [
        { at: at(0), text: 'Text of A1' },
        { at: at(1), text: 'Second' },
      ],
    });
    expect((await told()).map(({ type, data }) => [type, data.text])).toEqual([
      ['message.received', 'Text of A1'],
      ['message.edited', 'Second'],
      ['message.edited', 'Third'],
    ]);
  });

  it('that comes before its message waits for it, under either id of the chat', async () => {
    await report(edit('B1', 'Second', 1, 'lid'), edit('B1', 'Second', 1, 'lid'));
    expect(await allMessages(tenant, '/messages')).toEqual([]);
    await report(pairOf(ALEX));
    await report(textFrom(ALEX, 'phone', 'B1'));
    expect(await only()).toMatchObject({ text: 'Second', editedAt: at(1) });
    await report(textFrom(ALEX, 'phone', 'B1'), edit('B1', 'Second', 1));
    expect((await told()).map(({ type }) => type)).toEqual(['message.received', 'message.edited']);
  });

  it('of another chat or session changes nothing', async () => {
    await report(textFrom(ALEX, 'both', 'C1'));
    const other = await messaging.connect(tenant);
    await messaging.report(other.session.id, edit('C1', 'Foreign', 1));
    const target = targetIn(chatWith(SAM, 'both'), 'C1');
    await report({
      kind: 'message.edit',
      target,
      content: { type: 'text', text: 'Foreign' },
      editedAt: at(1),
    });
    expect(await only()).toMatchObject({ text: 'Text of C1', editedAt: null, previousVersions: [] });
  });
});

describe('a revoke', () => {
  it('takes the content away, its earlier texts and its file too, for good, and is told once', async () => {
    const sha256 = 'a'.repeat(64);
    const media = { mimeType: 'image/jpeg', filename: 'secret.jpg', size: 1, sha256 };
    const picture = { type: 'image' as const, caption: 'Secret words', media };
    messaging.node.scripts['media.download'] = () => ({
      outcome: 'failed',
      retry: false,
      reason: 'too_large',
    });
    await report(textFrom(ALEX, 'both', 'D1', { content: picture }));
    const caption: NodeFact = {
      kind: 'message.edit',
      target: targetIn(chatWith(ALEX, 'both'), 'D1'),
      content: { ...picture, caption: 'Other secret words' },
      editedAt: at(1),
    };
    await report(caption);
    expect(await only()).toMatchObject({ caption: 'Other secret words', media: { filename: 'secret.jpg' } });
    const [before] = await allMessages(tenant, '/messages');
    await report(react('D1', SAM, '👍', 2));
    await report(revoke('D1', 3), revoke('D1', 4));
    await report(textFrom(ALEX, 'both', 'D1', { content: picture }), caption, revoke('D1', 5));
    expect(await only()).toMatchObject({
      ...{ type: 'unsupported', text: null, caption: null, media: null },
      ...{ revokedAt: at(3), previousVersions: [], reactions: [] },
    });
    const rows = await messaging.api.database.workerSql((query) =>
      query(
        `SELECT m.*, v.content AS version FROM messages m
        LEFT JOIN message_versions v ON v.tenant_id = m.tenant_id AND v.message_id = m.id
        WHERE m.tenant_id = $1`,
        [tenant.tenantId],
      ),
    );
    expect(JSON.stringify(rows)).not.toMatch(/ecret/);
    const file = await tenant.client.get(`/media/${before?.media?.id ?? ''}/content`);
    expect(file.status).toBe(404);
    const removals = await messaging.api.database.workerSql((query) =>
      query(`SELECT FROM media_removals WHERE tenant_id = $1`, [tenant.tenantId]),
    );
    expect(removals).toHaveLength(1);
    const types = (await told()).map(({ type }) => type);
    expect(types).toEqual(['message.received', 'message.edited', 'message.reaction', 'message.revoked']);
    const all = await told('');
    expect(JSON.stringify(all)).not.toMatch(/ecret/);
    const messageId = before?.id;
    const [received, edited, , revoked] = await told();
    const blank = { messageId, revoked: true, text: null, caption: null, media: null };
    expect(received?.data).toMatchObject({ ...blank, chatId: `${ALEX.phone}@c.us`, occurredAt: at(0) });
    expect(edited?.data).toMatchObject({ ...blank, editedAt: at(1) });
    expect(revoked?.data).not.toHaveProperty('revoked');
  });

  it('takes what was told of it away also when all comes at once, and nothing of other messages', async () => {
    await report(textFrom(ALEX, 'both', 'D2'));
    await report(textFrom(ALEX, 'both', 'D3'), edit('D3', 'Edited away', 1), revoke('D3', 2));
    const events = await told();
    expect(events.map(({ type, data }) => [type, data.text, data.revoked])).toEqual([
      ['message.received', 'Text of D2', undefined],
      ['message.received', null, true],
      ['message.edited', null, true],
      ['message.revoked', undefined, undefined],
    ]);
  });

  it('that comes before its message, or with it as WhatsApp shows it then, ends the same', async () => {
    await report(revoke('E1', 3));
    await report(textFrom(ALEX, 'both', 'E1'));
    expect(await only()).toMatchObject({ type: 'unsupported', revokedAt: at(3) });
    const content = { type: 'unsupported' as const, waType: 'revoked' };
    await report(textFrom(ALEX, 'both', 'E2', { content }), revoke('E2', 4));
    const messages = await allMessages(tenant, '/messages');
    expect(messages.map(({ type, revokedAt }) => [type, revokedAt])).toEqual([
      ['unsupported', at(3)],
      ['unsupported', at(4)],
    ]);
  });

  it('of a message of ours leaves its status as it is', async () => {
    messaging.node.scripts['message.send'] = (request) => handed(request, 1);
    const { body } = await tenant.client.post<MessageResource>('/messages/send-text', {
      to: ALEX.phone,
      message: 'Hi',
    });
    const { waMessageId } = await statusOf(tenant, body.id, 'sent');
    const target = targetIn(chatWith(ALEX, 'both'), waMessageId ?? '', true);
    await report({ kind: 'message.revoke', target, by: null, at: at(9) });
    expect(await only()).toMatchObject({ status: 'sent', text: null, revokedAt: at(9), origin: 'api' });
  });
});

describe('reactions', () => {
  it('show the newest of each person; repeats and late ones change nothing', async () => {
    await report(textFrom(ALEX, 'both', 'F1'));
    await report(react('F1', ALEX, '👍', 1), react('F1', SAM, '🎉', 2), react('F1', 'me', '❤️', 3));
    await report(react('F1', ALEX, '😂', 4), react('F1', ALEX, '👍', 1), react('F1', SAM, '🎉', 2));
    await report(react('F1', 'me', null, 5), react('F1', 'me', '❤️', 3));
    expect((await only()).reactions).toEqual([
      { from: expect.objectContaining({ phone: SAM.phone }) as unknown, emoji: '🎉', at: at(2) },
      {
        from: expect.objectContaining({ phone: ALEX.phone, lid: ALEX.lid }) as unknown,
        emoji: '😂',
        at: at(4),
      },
    ]);
    expect((await told('message.reaction')).map(({ data }) => data.emoji)).toEqual([
      '👍',
      '🎉',
      '❤️',
      '😂',
      null,
    ]);
  });

  it('that are no longer among all that stand were taken back', async () => {
    await report(textFrom(ALEX, 'both', 'G1'));
    await report(react('G1', ALEX, '👍', 1), react('G1', SAM, '🎉', 2));
    await report(react('G1', SAM, '🎉', 2, at(6)), react('G1', ALEX, '👍', 1));
    expect((await only()).reactions.map(({ emoji }) => emoji)).toEqual(['🎉']);
    await report(react('G1', ALEX, '😮', 7));
    expect((await only()).reactions.map(({ emoji }) => emoji)).toEqual(['🎉', '😮']);
  });

  it('that come before their message wait for it', async () => {
    await report(react('H1', SAM, '🎉', 2));
    await report(textFrom(ALEX, 'both', 'H1'));
    expect((await only()).reactions.map(({ emoji }) => emoji)).toEqual(['🎉']);
    expect((await told()).map(({ type }) => type)).toEqual(['message.received', 'message.reaction']);
  });
});
