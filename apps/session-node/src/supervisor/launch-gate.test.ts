import { describe, expect, it } from 'vitest';
import { LaunchGate } from './launch-gate.js';

const never = new AbortController().signal;

async function isWaiting(promise: Promise<unknown>): Promise<boolean> {
  return (await Promise.race([promise, Promise.resolve('waiting')])) === 'waiting';
}

describe('LaunchGate', () => {
  it('lets as many through as it has slots, the others in their order', async () => {
    const gate = new LaunchGate(2);
    const order: number[] = [];
    const enter = (id: number) =>
      gate.acquire(never).then((release) => {
        order.push(id);
        return release;
      });
    const [first, second, third, fourth] = [enter(1), enter(2), enter(3), enter(4)];
    const release = await first;
    await second;
    expect(gate.waiting).toBe(2);
    release?.();
    release?.();
    await third;
    expect(order).toEqual([1, 2, 3]);
    expect(await isWaiting(fourth)).toBe(true);
    (await second)?.();
    await fourth;
    expect(order).toEqual([1, 2, 3, 4]);
  });

  it('gives no slot to who no longer wants it, and loses none by that', async () => {
    const gate = new LaunchGate(1);
    const release = await gate.acquire(never);
    const leaving = new AbortController();
    const left = gate.acquire(leaving.signal);
    const next = gate.acquire(never);
    leaving.abort();
    expect(await left).toBeUndefined();
    release?.();
    expect(await next).toBeTypeOf('function');
    expect(await gate.acquire(AbortSignal.abort())).toBeUndefined();
  });
});
