import { describe, expect, it } from 'vitest';
import { ackSchema } from '#contracts';
import { ackNumber } from './ack-number.js';

describe('ackNumber', () => {
  it.each([-7, -2, -1, 0, 1, 2, 3, 4, 5, 99])('keeps %d within what the contract knows', (ack) => {
    expect(ackSchema.parse(ackNumber(ack))).toBe(ack < -1 ? -1 : ack > 4 ? 4 : ack);
  });

  it('reads nothing else', () => {
    for (const ack of [undefined, null, '1', NaN, Infinity]) expect(ackNumber(ack)).toBeUndefined();
  });
});
