import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MessageStatus, NodeFact } from '#contracts';
import type { TestTenant } from '../../../test/support/start-api.js';
import { waitFor } from '../../../test/support/index.js';
import type { MessageResource } from '../src/messages/message-resource.js';
import { ALEX, handed, Messaging, messageWhen } from './messaging.js';
import type { SessionBody } from './session-bodies.js';

let messaging: Messaging;
let tenant: TestTenant;
let session: SessionBody;

beforeAll(async () => {
  messaging = await Messaging.start();
  messaging.node.scripts['message.lookup'] = () => ({ found: [], neverStarted: [] });
  ({ tenant, session } = await messaging.connect());
});
afterAll(async () => {
  await messaging?.close();
});

const LADDER: readonly MessageStatus[] = ['queued', 'sending', 'sent', 'delivered', 'read', 'played'];
const STATUS_OF_ACK: readonly MessageStatus[] = ['sending', 'sent', 'delivered', 'read', 'played'];

function ackOf(waMessageId: string, ack: number): NodeFact {
  const chatId = `${ALEX}@c.us`;
  const waKey = `true_${chatId}_${waMessageId}`;
  return { kind: 'message.ack', waKey, waMessageId, chatId, ack, at: new Date().toISOString() };
}

/** Acks in the batches in which they arrive; each at least once, in any order, perhaps more than once. */
const batchesArb = fc.array(
  fc.record({
    acks: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 }),
    /** Reported while the one before is still on its way. */
    overtakes: fc.boolean(),
  }),
  { minLength: 1, maxLength: 5 },
);

describe('a status', () => {
  it('never descends, however shuffled, doubled and late its acks come, and ends where the best of them says', async () => {
    await fc.assert(
      fc.asyncProperty(batchesArb, fc.boolean(), async (batches, answersLate) => {
        let waMessageId = '';
        let answer = () => {};
        const answered = new Promise<void>((resolve) => (answer = resolve));
        messaging.node.scripts['message.send'] = async (request) => {
          waMessageId = request.waMessageId;
          if (answersLate) await answered;
          return handed(request, 0);
        };
        const { body } = await tenant.client.post<MessageResource>('/messages', {
          to: ALEX,
          type: 'text',
          text: 'Hi',
        });
        await waitFor(() => waMessageId !== '', { what: 'the send' });
        const seen: MessageStatus[] = [];
        const look = async () => {
          const { body: now } = await tenant.client.get<MessageResource>(`/messages/${body.id}`);
          seen.push(now.status);
        };
        const running: Promise<unknown>[] = [];
        for (const { acks, overtakes } of batches) {
          if (!overtakes) await Promise.all(running.splice(0));
          running.push(messaging.report(session.id, ...acks.map((ack) => ackOf(waMessageId, ack))));
          await look();
        }
        await Promise.all(running.splice(0));
        await look();
        answer();
        const best = Math.max(...batches.flatMap(({ acks }) => acks));
        await messageWhen(tenant, body.id, 'the end of its attempt', ({ status }) => status !== 'sending');
        await messaging.report(session.id, ackOf(waMessageId, 1), ackOf(waMessageId, -1));
        await look();
        const rungs = seen.map((status) => LADDER.indexOf(status));
        expect(rungs).toEqual([...rungs].sort((a, b) => a - b));
        expect(seen.at(-1)).toBe(STATUS_OF_ACK[best]);
      }),
      { numRuns: 25 },
    );
  });
});

describe('an ack of a message whose send is answered to nobody', () => {
  it('tells enough of it to quote it at once', async () => {
    const { node } = messaging;
    const send = async (changes: object = {}) => {
      const body = { to: ALEX, type: 'text', text: 'Hi', ...changes };
      const answer = await tenant.client.post<MessageResource>('/messages', body);
      expect(answer.status).toBe(202);
      return answer.body.id;
    };
    node.scripts['message.send'] = async (request) => {
      await messaging.report(session.id, ackOf(request.waMessageId, 2));
      await node.stop();
      return handed(request);
    };
    const id = await send();
    const { waMessageId } = await messageWhen(tenant, id, 'its ack', ({ status }) => status === 'delivered');
    await node.start();
    node.scripts['message.send'] = (request) => handed(request, 1);
    const quoting = await send({ quoted: id });
    await messageWhen(tenant, quoting, 'the quoting one to leave', ({ status }) => status === 'sent');
    const sent = node.callsOf('message.send').find(({ messageId }) => messageId === quoting);
    expect(sent?.quotedWaKey).toBe(`true_${ALEX}@c.us_${String(waMessageId)}`);
  });
});
