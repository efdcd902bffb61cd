import { describe, expect, it } from 'vitest';
import { TenantNews } from './tenant-news.js';

const LONG_MS = 600_000;

/** True when the wait is over by now. */
async function isOver({ happened }: { happened: Promise<void> }): Promise<boolean> {
  let over = false;
  void happened.then(() => (over = true));
  await new Promise((resolve) => setImmediate(resolve));
  return over;
}

describe('news of a tenant', () => {
  it('reach everybody who waits for it, and nobody else', async () => {
    const news = new TenantNews();
    const [one, two, other] = [news.wait('a', LONG_MS), news.wait('a', LONG_MS), news.wait('b', LONG_MS)];
    news.tell('a');
    expect([await isOver(one), await isOver(two), await isOver(other)]).toEqual([true, true, false]);
    news.tell(null);
    expect(await isOver(other)).toBe(true);
  });

  it('reach whoever waits anew, when one that was told before gives up its wait afterwards', async () => {
    const news = new TenantNews();
    const first = news.wait('a', LONG_MS);
    news.tell('a');
    const second = news.wait('a', LONG_MS);
    first.cancel();
    news.tell('a');
    expect(await isOver(second)).toBe(true);
  });

  it('are not waited for longer than was asked, nor after the client has left', async () => {
    const news = new TenantNews();
    await news.wait('a', 1).happened;
    const gone = new AbortController();
    const wait = news.wait('a', LONG_MS, gone.signal);
    gone.abort();
    expect(await isOver(wait)).toBe(true);
  });
});
