import { describe, expect, it } from 'vitest';
import { ByteBudget, ByteBudgetError } from './byte-budget.js';

const LONG_MS = 60_000;

function held() {
  let end = (): void => undefined;
  const work = new Promise<void>((resolve) => (end = resolve));
  return { work: () => work, end: () => end() };
}

describe('a budget of bytes', () => {
  it('lets in what fits, in turn, and never more than it has', async () => {
    const budget = new ByteBudget(10);
    let holding = 0;
    let most = 0;
    const run = (bytes: number) =>
      budget.run(bytes, LONG_MS, async () => {
        holding += bytes;
        most = Math.max(most, holding);
        await new Promise((resolve) => setImmediate(resolve));
        holding -= bytes;
      });
    await Promise.all([4, 4, 4, 10, 1, 1, 6, 7, 3, 10].map(run));
    expect([holding, most]).toEqual([0, 10]);
  });

  it('gives back what was held when the work fails', async () => {
    const budget = new ByteBudget(10);
    await expect(budget.run(10, LONG_MS, () => Promise.reject(new Error('broken')))).rejects.toThrow(
      'broken',
    );
    expect(await budget.run(10, LONG_MS, () => Promise.resolve('in'))).toBe('in');
  });

  it('counts what is larger than itself as all it has', async () => {
    const budget = new ByteBudget(10);
    expect(await budget.run(1_000, LONG_MS, () => Promise.resolve('in'))).toBe('in');
  });

  it('refuses in time, and lets in those behind that fit', async () => {
    const budget = new ByteBudget(10);
    const first = held();
    const running = budget.run(6, LONG_MS, first.work);
    const tooMuch = budget.run(8, 20, () => Promise.resolve());
    const small = budget.run(4, LONG_MS, () => Promise.resolve('in'));
    await expect(tooMuch).rejects.toBeInstanceOf(ByteBudgetError);
    expect(await small).toBe('in');
    first.end();
    await running;
  });
});
