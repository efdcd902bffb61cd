import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/index.js';
import { NodeHarness, newWaMessageId, sha256, textSend } from './support/node-harness.js';

const ME = '4915112345701';
const FRIEND = '4915112345702';
const LANES = 4;
const RELOADS = 3;

type Order = ReturnType<typeof textSend>;

interface Sent {
  waMessageId: string;
  body: string | null;
  handOvers: number;
}

describe('sends when the page is not at its best', () => {
  const harness = new NodeHarness('2026-09');
  const session = harness.address();
  const send = async (order: object) =>
    (await harness.command('message.send', { ...session, ...order })).body;
  const allSent = () => harness.control<Sent[]>('GET', `/sent?from=${ME}&limit=1000`);
  const isInChat = async ({ waMessageId, chatId }: Order): Promise<boolean> => {
    const messages = [{ waMessageId, chatId, nodeBootId: harness.node.bootId }];
    const { body } = await harness.command('message.lookup', { ...session, messages });
    return body.found.length === 1;
  };

  /** Sends as the api does: again only what certainly did not leave. Returns the outcomes on the way. */
  const sendUntilDone = async (order: Order, outcomes: object[]): Promise<void> => {
    await waitFor(
      async () => {
        const outcome = await send(order);
        outcomes.push(outcome);
        return !(outcome.outcome === 'not_sent' && outcome.retry);
      },
      { what: 'a send to end', deadlineMs: 90_000, pollMs: 20 },
    );
  };

  /** Sets faults, and waits until the page has them: what comes in after them passed the same connection. */
  const setFaults = async (faults: object[]): Promise<void> => {
    await harness.control('PUT', '/faults', { faults });
    const message = { from: FRIEND, to: ME, type: 'text', body: 'after the faults' };
    await harness.waitForMessage(
      session,
      (await harness.control<{ id: string }>('POST', '/messages', message)).id,
    );
  };

  beforeAll(async () => {
    await harness.start();
    await harness.control('POST', '/accounts', { phone: FRIEND, name: 'Friend' });
    await harness.link(session, ME);
  }, 120_000);
  afterAll(() => harness.stop(), 60_000);

  it('tells of a message by the answer to its send alone, and of what becomes of it afterwards', async () => {
    // From then on the api knows who the chat is.
    const first = textSend(`${FRIEND}@c.us`, 'the first in this chat');
    await send(first);
    await harness.waitForMessage(session, first.waMessageId);
    const orders = Array.from({ length: 8 }, (_, index) => textSend(`${FRIEND}@c.us`, `answered ${index}`));
    const answers = await Promise.all(orders.map(send));
    const isKnownSent = ({ waMessageId }: Order, index: number) => {
      const answer = answers[index];
      const acks = harness.api.factsOf('message.ack', session.sessionId);
      const isTold = acks.some((fact) => fact.waMessageId === waMessageId && fact.ack >= 1);
      return isTold || (answer?.outcome === 'handed' && answer.ack >= 1);
    };
    await waitFor(() => orders.every(isKnownSent), { what: 'the acks of the server', deadlineMs: 60_000 });
    const told = harness.api.factsOf('message.upsert', session.sessionId).map(({ message }) => message);
    const ids = new Set(orders.map(({ waMessageId }) => waMessageId));
    expect(told.filter(({ waMessageId }) => ids.has(waMessageId))).toEqual([]);
  }, 120_000);

  it('hands over what is sent over a reload under its own id, once, and fails nothing for good', async () => {
    const earlier = new Set((await allSent()).map(({ waMessageId }) => waMessageId));
    const orders: Order[] = [];
    const outcomes: { outcome: string; retry?: boolean }[] = [];
    let isOver = false;
    const lane = async (name: number): Promise<void> => {
      while (!isOver) {
        const order = textSend(`${FRIEND}@c.us`, `reload ${name} ${orders.length}`);
        orders.push(order);
        await sendUntilDone(order, outcomes);
      }
    };
    const lanes = Array.from({ length: LANES }, (_, name) => lane(name));
    for (let round = 0; round < RELOADS; round += 1) {
      const before = outcomes.length;
      await harness.control('POST', `/logins/${ME}/reload`);
      const since = () => outcomes.slice(before);
      await waitFor(() => since().some(({ outcome }) => outcome !== 'handed'), {
        what: 'the reload to be felt',
      });
      await waitFor(() => since().at(-1)?.outcome === 'handed', { what: 'sends again', deadlineMs: 60_000 });
    }
    isOver = true;
    await Promise.all(lanes);
    await harness.waitForState(session, 'connected');

    expect(outcomes.filter(({ outcome, retry }) => outcome === 'not_sent' && retry !== true)).toEqual([]);
    const inChat = new Set<string>();
    for (const order of orders) if (await isInChat(order)) inChat.add(order.waMessageId);
    const sent = await waitFor(
      async () => {
        const list = (await allSent()).filter(({ waMessageId }) => !earlier.has(waMessageId));
        const there = new Set(list.map(({ waMessageId }) => waMessageId));
        return [...inChat].every((id) => there.has(id)) && list;
      },
      { what: 'what stands in the chats to be handed over' },
    );
    const ids = new Set(orders.map(({ waMessageId }) => waMessageId));
    expect(sent.filter(({ waMessageId }) => !ids.has(waMessageId))).toEqual([]);
    expect(sent.filter(({ handOvers }) => handOvers !== 1)).toEqual([]);
    expect(new Set(sent.map(({ waMessageId }) => waMessageId))).toEqual(inChat);
  }, 150_000);

  it('sends without the preview of a link when WhatsApp Web cannot make one', async () => {
    const faults = [{ kind: 'missingModule', name: 'WAWebLinkPreviewChatAction', phone: ME }];
    await setFaults(faults);
    const order = { ...textSend(`${FRIEND}@c.us`, 'see https://example.org'), linkPreview: true };
    expect(await send(order)).toMatchObject({ outcome: 'handed' });
    await harness.control('DELETE', '/faults');
    expect(await send({ ...order, waMessageId: newWaMessageId() })).toMatchObject({ outcome: 'handed' });
  });

  it.each(['WAWebFindChatAction', 'WAWebChatGetters'])(
    'lets a text be tried again when the page fails before it has an id (no %s)',
    async (name) => {
      await setFaults([{ kind: 'missingModule', name, phone: ME }]);
      const order = textSend(`${FRIEND}@c.us`, 'a text in a gap');
      expect(await send(order)).toMatchObject({ outcome: 'not_sent', retry: true });
      await harness.control('DELETE', '/faults');
      const outcomes: object[] = [];
      await sendUntilDone(order, outcomes);
      expect(outcomes.at(-1)).toMatchObject({ outcome: 'handed' });
    },
  );

  it('does not hand over what expires while its file is uploaded', async () => {
    await setFaults([{ kind: 'uploadSlowMs', phone: ME, ms: 6_000 }]);
    const objectKey = `t/${harness.tenantId}/late`;
    const bytes = randomBytes(1_000);
    await harness.media.put(objectKey, Readable.from([bytes]), {
      contentType: 'text/plain',
      size: bytes.length,
    });
    const media = { mimeType: 'text/plain', filename: 'late.txt', size: bytes.length, sha256: sha256(bytes) };
    const content = { type: 'document', caption: null, media };
    const late = { ...textSend(`${FRIEND}@c.us`, ''), content, media: { objectKey }, expiresInMs: 3_000 };
    expect(await send(late)).toMatchObject({ outcome: 'not_sent', code: 'expired', retry: false });
    await harness.control('DELETE', '/faults');
    expect((await allSent()).map(({ waMessageId }) => waMessageId)).not.toContain(late.waMessageId);
  });

  it('lets texts of other chats pass a large file that is slow, and no second large file', async () => {
    const others = Array.from({ length: 8 }, (_, index) => `49151123458${String(index).padStart(2, '0')}`);
    for (const phone of others) await harness.control('POST', '/accounts', { phone, name: 'Other' });
    await harness.control('PUT', '/faults', { faults: [{ kind: 'uploadSlowMs', phone: ME, ms: 100_000 }] });
    const objectKey = `t/${harness.tenantId}/slow`;
    const bytes = randomBytes(8 * 1024 * 1024);
    await harness.media.put(objectKey, Readable.from([bytes]), {
      contentType: 'text/plain',
      size: bytes.length,
    });
    const file = textSend(`${FRIEND}@c.us`, '');
    const media = { mimeType: 'text/plain', filename: 'slow.txt', size: bytes.length, sha256: sha256(bytes) };
    const content = { type: 'document', caption: null, media };
    let fileIsDone = false;
    const slow = send({ ...file, content, media: { objectKey } }).finally(() => {
      fileIsDone = true;
    });
    const texts = others.flatMap((phone) => [1, 2, 3].map((nth) => textSend(`${phone}@c.us`, `past ${nth}`)));
    const answers = await Promise.all(texts.map(send));
    expect(fileIsDone).toBe(false);
    expect(answers.map(({ outcome }) => outcome)).toEqual(texts.map(() => 'handed'));
    const sent = await waitFor(
      async () => {
        const list = new Map((await allSent()).map((one) => [one.waMessageId, one]));
        return texts.every(({ waMessageId }) => list.has(waMessageId)) && list;
      },
      { what: 'the texts to be handed over' },
    );
    for (const {
      waMessageId,
      content: { text },
    } of texts)
      expect(sent.get(waMessageId)).toMatchObject({ body: text, handOvers: 1 });
    const large = { ...textSend(`${others[0]}@c.us`, ''), content, media: { objectKey } };
    expect(await send(large)).toMatchObject({ outcome: 'not_sent', retry: true, code: 'transfer_busy' });
    expect(fileIsDone).toBe(false);
    await harness.control('DELETE', '/faults');
    await harness.command('session.restart', { ...session, mode: 'test' });
    expect((await slow).outcome).not.toBe('handed');
    await harness.waitForState(session, 'connected');
  }, 120_000);
});
