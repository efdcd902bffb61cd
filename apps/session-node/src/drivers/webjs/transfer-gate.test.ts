import { describe, expect, it } from 'vitest';
import { LARGE_TRANSFER_BYTES } from '#contracts';
import { TransferGate, TransferGateBusy } from './transfer-gate.js';

/** Work that goes on until it is told to end. */
function openWork(): { work: () => Promise<string>; end: () => void } {
  let end = (): void => undefined;
  const done = new Promise<string>((resolve) => {
    end = () => resolve('done');
  });
  return { work: () => done, end };
}

describe('the transfer gate', () => {
  it('lets one large file through at a time, in order, and small ones always', async () => {
    const gate = new TransferGate();
    const first = openWork();
    const order: string[] = [];
    const running = gate.run(LARGE_TRANSFER_BYTES, 60_000, first.work).then(() => order.push('first'));
    const large = (name: string): Promise<number> =>
      gate.run(LARGE_TRANSFER_BYTES, 60_000, () => Promise.resolve(order.push(name)));
    const later = [large('second'), large('third')];
    await gate.run(1, 0, () => Promise.resolve(order.push('small')));
    expect(order).toEqual(['small']);
    first.end();
    await Promise.all([running, ...later]);
    expect(order).toEqual(['small', 'first', 'second', 'third']);
  });

  it('gives up a file whose turn does not come in time, and passes over it', async () => {
    const gate = new TransferGate();
    const first = openWork();
    const running = gate.run(LARGE_TRANSFER_BYTES, 60_000, first.work);
    let began = false;
    const late = gate.run(LARGE_TRANSFER_BYTES, 5, () => {
      began = true;
      return Promise.resolve();
    });
    await expect(late).rejects.toBeInstanceOf(TransferGateBusy);
    first.end();
    await running;
    expect(await gate.run(LARGE_TRANSFER_BYTES, 60_000, () => Promise.resolve('next'))).toBe('next');
    expect(began).toBe(false);
  });

  it('goes on after work that failed', async () => {
    const gate = new TransferGate();
    const failed = gate.run(LARGE_TRANSFER_BYTES, 60_000, () => Promise.reject(new Error('lost')));
    await expect(failed).rejects.toThrow('lost');
    expect(await gate.run(LARGE_TRANSFER_BYTES, 5, () => Promise.resolve('next'))).toBe('next');
  });
});
