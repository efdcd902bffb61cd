import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { NodeFact } from '#contracts';
import type { MessageResource } from '../src/messages/message-resource.js';
import { ALEX, at, edit, react, revoke, SAM } from './change-facts.js';
import { chatWith, pairOf, targetIn, textFrom } from './inbound.js';
import { InboundSession } from './inbound-session.js';
import { handed, Messaging, statusOf } from './messaging.js';

let messaging: Messaging;
let own: InboundSession;

beforeAll(async () => {
  messaging = await Messaging.start();
});
afterAll(() => messaging?.close());
beforeEach(async () => {
  own = await InboundSession.connect(messaging);
});

describe('an edit', () => {
  it('changes the text, keeps the earlier ones, and is told once', async () => {
    await own.report(textFrom(ALEX, 'both', 'A1'));
    await own.report(edit('A1', 'Second', 1), edit('A1', 'Second', 1));
    await own.report(edit('A1', 'Third', 2), textFrom(ALEX, 'both', 'A1'), edit('A1', 'Second', 1));
    expect(await own.only()).toMatchObject({
      text: 'Third',
      editedAt: at(2),
      previousVersions: [
        { at: at(0), text: 'Text of A1' },
        { at: at(1), text: 'Second' },
      ],
    });
    expect((await own.told()).map(({ type, data }) => [type, data.text])).toEqual([
      ['message.received', 'Text of A1'],
      ['message.edited', 'Second'],
      ['message.edited', 'Third'],
    ]);
  });

  it('that comes before its message waits for it, under either id of the chat', async () => {
    await own.report(edit('B1', 'Second', 1, 'lid'), edit('B1', 'Second', 1, 'lid'));
    expect(await own.messages()).toEqual([]);
    await own.report(pairOf(ALEX));
    await own.report(textFrom(ALEX, 'phone', 'B1'));
    expect(await own.only()).toMatchObject({ text: 'Second', editedAt: at(1) });
    await own.report(textFrom(ALEX, 'phone', 'B1'), edit('B1', 'Second', 1));
    expect((await own.told()).map(({ type }) => type)).toEqual(['message.received', 'message.edited']);
  });

  it('of another chat or session changes nothing', async () => {
    await own.report(textFrom(ALEX, 'both', 'C1'));
    const other = await messaging.connect(own.tenant);
    await messaging.report(other.session.id, edit('C1', 'Foreign', 1));
    const target = targetIn(chatWith(SAM, 'both'), 'C1');
    await own.report({
      kind: 'message.edit',
      target,
      content: { type: 'text', text: 'Foreign' },
      editedAt: at(1),
    });
    expect(await own.only()).toMatchObject({ text: 'Text of C1', editedAt: null, previousVersions: [] });
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
    await own.report(textFrom(ALEX, 'both', 'D1', { content: picture }));
    const caption: NodeFact = {
      kind: 'message.edit',
      target: targetIn(chatWith(ALEX, 'both'), 'D1'),
      content: { ...picture, caption: 'Other secret words' },
      editedAt: at(1),
    };
    await own.report(caption);
    expect(await own.only()).toMatchObject({
      caption: 'Other secret words',
      media: { filename: 'secret.jpg' },
    });
    const [before] = await own.messages();
    await own.report(react('D1', SAM, '👍', 2));
    await own.report(revoke('D1', 3), revoke('D1', 4));
    await own.report(textFrom(ALEX, 'both', 'D1', { content: picture }), caption, revoke('D1', 5));
    expect(await own.only()).toMatchObject({
      ...{ type: 'unsupported', text: null, caption: null, media: null },
      ...{ revokedAt: at(3), previousVersions: [], reactions: [] },
    });
    const rows = await messaging.api.database.workerSql((query) =>
      query(
        `SELECT m.*, v.content AS version FROM messages m
        LEFT JOIN message_versions v ON v.tenant_id = m.tenant_id AND v.message_id = m.id
        WHERE m.tenant_id = $1`,
        [own.tenant.tenantId],
      ),
    );
    expect(JSON.stringify(rows)).not.toMatch(/ecret/);
    const file = await own.tenant.client.get(`/media/${before?.media?.id ?? ''}/content`);
    expect(file.status).toBe(404);
    const removals = await messaging.api.database.workerSql((query) =>
      query(`SELECT FROM media_removals WHERE tenant_id = $1`, [own.tenant.tenantId]),
    );
    expect(removals).toHaveLength(1);
    const types = (await own.told()).map(({ type }) => type);
    expect(types).toEqual(['message.received', 'message.edited', 'message.reaction', 'message.revoked']);
    const all = await own.told('');
    expect(JSON.stringify(all)).not.toMatch(/ecret/);
    const messageId = before?.id;
    const [received, edited, , revoked] = await own.told();
    const blank = { messageId, revoked: true, text: null, caption: null, media: null };
    expect(received?.data).toMatchObject({ ...blank, chatId: `${ALEX.phone}@c.us`, occurredAt: at(0) });
    expect(edited?.data).toMatchObject({ ...blank, editedAt: at(1) });
    expect(revoked?.data).not.toHaveProperty('revoked');
  });

  it('takes what was told of it away also when all comes at once, and nothing of other messages', async () => {
    await own.report(textFrom(ALEX, 'both', 'D2'));
    await own.report(textFrom(ALEX, 'both', 'D3'), edit('D3', 'Edited away', 1), revoke('D3', 2));
    const events = await own.told();
    expect(events.map(({ type, data }) => [type, data.text, data.revoked])).toEqual([
      ['message.received', 'Text of D2', undefined],
      ['message.received', null, true],
      ['message.edited', null, true],
      ['message.revoked', undefined, undefined],
    ]);
  });

  it('that comes before its message, or with it as WhatsApp shows it then, ends the same', async () => {
    await own.report(revoke('E1', 3));
    await own.report(textFrom(ALEX, 'both', 'E1'));
    expect(await own.only()).toMatchObject({ type: 'unsupported', revokedAt: at(3) });
    const content = { type: 'unsupported' as const, waType: 'revoked' };
    await own.report(textFrom(ALEX, 'both', 'E2', { content }), revoke('E2', 4));
    const messages = await own.messages();
    expect(messages.map(({ type, revokedAt }) => [type, revokedAt])).toEqual([
      ['unsupported', at(3)],
      ['unsupported', at(4)],
    ]);
  });

  it('of a message of ours leaves its status as it is', async () => {
    messaging.node.scripts['message.send'] = (request) => handed(request, 1);
    const { body } = await own.tenant.client.post<MessageResource>('/messages/send-text', {
      to: ALEX.phone,
      message: 'Hi',
    });
    const { waMessageId } = await statusOf(own.tenant, body.id, 'sent');
    const target = targetIn(chatWith(ALEX, 'both'), waMessageId ?? '', true);
    await own.report({ kind: 'message.revoke', target, by: null, at: at(9) });
    expect(await own.only()).toMatchObject({ status: 'sent', text: null, revokedAt: at(9), origin: 'api' });
  });
});

describe('reactions', () => {
  it('show the newest of each person; repeats and late ones change nothing', async () => {
    await own.report(textFrom(ALEX, 'both', 'F1'));
    await own.report(react('F1', ALEX, '👍', 1), react('F1', SAM, '🎉', 2), react('F1', 'me', '❤️', 3));
    await own.report(react('F1', ALEX, '😂', 4), react('F1', ALEX, '👍', 1), react('F1', SAM, '🎉', 2));
    await own.report(react('F1', 'me', null, 5), react('F1', 'me', '❤️', 3));
    expect((await own.only()).reactions).toEqual([
      { from: expect.objectContaining({ phone: SAM.phone }) as unknown, emoji: '🎉', at: at(2) },
      {
        from: expect.objectContaining({ phone: ALEX.phone, lid: ALEX.lid }) as unknown,
        emoji: '😂',
        at: at(4),
      },
    ]);
    expect((await own.told('message.reaction')).map(({ data }) => data.emoji)).toEqual([
      '👍',
      '🎉',
      '❤️',
      '😂',
      null,
    ]);
  });

  it('that are no longer among all that stand were taken back', async () => {
    await own.report(textFrom(ALEX, 'both', 'G1'));
    await own.report(react('G1', ALEX, '👍', 1), react('G1', SAM, '🎉', 2));
    await own.report(react('G1', SAM, '🎉', 2, at(6)), react('G1', ALEX, '👍', 1));
    expect((await own.only()).reactions.map(({ emoji }) => emoji)).toEqual(['🎉']);
    await own.report(react('G1', ALEX, '😮', 7));
    expect((await own.only()).reactions.map(({ emoji }) => emoji)).toEqual(['🎉', '😮']);
  });

  it('that come before their message wait for it', async () => {
    await own.report(react('H1', SAM, '🎉', 2));
    await own.report(textFrom(ALEX, 'both', 'H1'));
    expect((await own.only()).reactions.map(({ emoji }) => emoji)).toEqual(['🎉']);
    expect((await own.told()).map(({ type }) => type)).toEqual(['message.received', 'message.reaction']);
  });
});
