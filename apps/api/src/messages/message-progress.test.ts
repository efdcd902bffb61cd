import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyAck, type MessageProgress } from './message-progress.js';

const HANDED: MessageProgress = {
  status: 'sending',
  ack: null,
  errorCode: null,
  sentAt: null,
  deliveredAt: null,
  readAt: null,
};
const LADDER = ['sending', 'failed', 'sent', 'delivered', 'read', 'played'];
type Ack = { ack: number; at: Date };

const ackArb: fc.Arbitrary<Ack> = fc.record({
  ack: fc.integer({ min: -1, max: 4 }),
  at: fc.integer({ min: 1, max: 1_000 }).map((ms) => new Date(ms)),
});

function climb(start: MessageProgress, acks: Ack[]): MessageProgress {
  return acks.reduce((now, { ack, at }) => applyAck(now, ack, at) ?? now, start);
}

describe('the ladder of acks', () => {
  it('ends in the same place whatever the order and number of the same acks', () => {
    const shuffled = fc
      .array(ackArb, { minLength: 1, maxLength: 12 })
      .chain((acks) =>
        fc.tuple(fc.constant(acks), fc.shuffledSubarray([...acks, ...acks], { minLength: acks.length * 2 })),
      );
    fc.assert(
      fc.property(shuffled, ([acks, doubled]) => {
        expect(climb(HANDED, doubled)).toEqual(climb(HANDED, acks));
      }),
      { numRuns: 2_000 },
    );
  });

  it('never descends, and ends where the best ack says', () => {
    fc.assert(
      fc.property(fc.array(ackArb, { minLength: 1 }), (acks) => {
        let now = HANDED;
        for (const { ack, at } of acks) {
          const next = applyAck(now, ack, at) ?? now;
          expect(LADDER.indexOf(next.status)).toBeGreaterThanOrEqual(LADDER.indexOf(now.status));
          now = next;
        }
        const best = Math.max(...acks.map(({ ack }) => ack));
        const refused = acks.some(({ ack }) => ack < 0);
        if (best >= 1) expect(now.status).toBe(['', 'sent', 'delivered', 'read', 'played'][best]);
        else expect(now.status).toBe(refused ? 'failed' : 'sending');
        expect(now.sentAt === null).toBe(best < 1);
        expect(now.readAt === null).toBe(best < 3);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each(['queued', 'unknown', 'unknown_final', 'failed', 'expired'] as const)(
    'believes an ack of the server over the status %s',
    (status) => {
      expect(applyAck({ ...HANDED, status }, 1, new Date(5))).toMatchObject({
        status: 'sent',
        sentAt: new Date(5),
      });
    },
  );

  it('takes a refusal only from a message with no better ack', () => {
    expect(applyAck({ ...HANDED, status: 'unknown' }, -1, new Date(1))).toMatchObject({
      status: 'failed',
      errorCode: 'rejected',
    });
    for (const status of [
      'sent',
      'delivered',
      'read',
      'played',
      'queued',
      'cancelled',
      'received',
    ] as const) {
      expect(applyAck({ ...HANDED, status }, -1, new Date(1))).toBeUndefined();
    }
  });
});
