import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

describe('transfers in the page', () => {
  beforeEach(() => vi.stubGlobal('window', {}));
  afterEach(() => vi.unstubAllGlobals());

  it('ends a fetch that is dropped, and keeps nothing of it when it comes late', async () => {
    const { beginFetch, dropTransfer, endFetch, readChunk } = await import('./transfers.js');
    const signal = beginFetch('late');
    dropTransfer('late');
    expect(signal.aborted).toBe(true);
    expect(() => endFetch('late', new Blob(['bytes']))).toThrow('dropped');
    await expect(readChunk('late', 0, 5)).rejects.toThrow('no such transfer');
  });

  it('keeps what was fetched until it is dropped', async () => {
    const { beginFetch, dropTransfer, endFetch, readChunk } = await import('./transfers.js');
    const signal = beginFetch('kept');
    endFetch('kept', new Blob(['bytes']));
    expect(await readChunk('kept', 0, 5)).toBe(btoa('bytes'));
    dropTransfer('kept');
    expect(signal.aborted).toBe(false);
    await expect(readChunk('kept', 0, 5)).rejects.toThrow('no such transfer');
  });
});
