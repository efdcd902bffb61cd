import { describe, expect, it } from 'vitest';
import type { Clock } from '#kernel';
import { QrBoard } from './qr-board.js';

/** A clock that stands still until it is set. */
class SetClock implements Clock {
  atMs = 0;
  now(): Date {
    return new Date(this.atMs);
  }
  monotonicMs(): number {
    return this.atMs;
  }
}

describe('QrBoard', () => {
  it('hands out a code for as long as it is good, and waits for the next one afterwards', async () => {
    const clock = new SetClock();
    const board = new QrBoard(clock);
    expect(board.show('first')).toMatchObject({ attempt: 1 });
    expect(board.show('first')).toBeUndefined();
    clock.atMs = 59_000;
    expect((await board.wait(0))?.qr).toBe('first');
    clock.atMs = 61_000;
    expect(await board.wait(0)).toBeUndefined();
    const next = board.wait(10_000);
    expect(board.show('second')).toMatchObject({ attempt: 2 });
    expect(await next).toMatchObject({ qr: 'second', attempt: 2 });
  });
});
