import { describe, expect, it } from 'vitest';
import { allDone } from './all-done.js';

describe('allDone', () => {
  it('gives what all give', async () => {
    expect(await allDone([Promise.resolve(1), 'two', Promise.resolve(true)])).toEqual([1, 'two', true]);
  });

  it('fails with the first failure, and only once all have ended', async () => {
    let ended = false;
    const slow = new Promise<void>((resolve) => setImmediate(resolve)).then(() => (ended = true));
    const failing = Promise.reject(new Error('first'));
    await expect(allDone([failing, slow, Promise.reject(new Error('second'))])).rejects.toThrow('first');
    expect(ended).toBe(true);
  });
});
