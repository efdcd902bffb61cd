import { Redis } from 'ioredis';
import RedisMock from 'ioredis-mock';
import { afterEach, describe, expect, it } from 'vitest';
import { newId } from '#kernel';
import { waitFor } from '../../../../test/support/index.js';
import { SharedTokenBuckets } from './shared-token-buckets.js';

/** A Redis server when one is named; otherwise an imitation in this process, which runs the same Lua. */
const { TEST_REDIS_URL } = process.env;
const connect = () => (TEST_REDIS_URL ? new Redis(TEST_REDIS_URL) : new RedisMock());
const opened: SharedTokenBuckets[] = [];

function open(): SharedTokenBuckets {
  const buckets = new SharedTokenBuckets(connect());
  opened.push(buckets);
  return buckets;
}

afterEach(() => {
  for (const buckets of opened.splice(0)) buckets.onApplicationShutdown();
});

describe('token buckets in Redis', () => {
  it('let the whole limit through at once, and nothing beyond it, whichever process asks', async () => {
    const [a, b] = [open(), open()];
    const key = newId('req');
    const states = await Promise.all(
      Array.from({ length: 30 }, (_, i) => (i % 2 === 0 ? a : b).take(key, 3_600_000, 10)),
    );
    expect(states.filter((state) => state.allowed)).toHaveLength(10);
    const refused = await a.take(key, 3_600_000, 10);
    expect(refused).toMatchObject({ allowed: false, remaining: 0 });
    expect(refused.retryAfterSeconds).toBeGreaterThan(300);
    expect(refused.retryAfterSeconds).toBeLessThanOrEqual(360);
    expect(refused.resetSeconds).toBeGreaterThan(3_500);
    expect(refused.resetSeconds).toBeLessThanOrEqual(3_600);
  });

  it('count down and keep keys apart', async () => {
    const buckets = open();
    const key = newId('req');
    expect(await buckets.take(key, 3_600_000, 3)).toMatchObject({ allowed: true, remaining: 2 });
    expect(await buckets.take(key, 3_600_000, 3)).toMatchObject({ allowed: true, remaining: 1 });
    expect(await buckets.take(`${key}-other`, 3_600_000, 3)).toMatchObject({ remaining: 2 });
  });

  it('refill evenly', async () => {
    const buckets = open();
    const key = newId('req');
    const take = () => buckets.take(key, 4_000, 4);
    const startMs = performance.now();
    for (let i = 0; i < 4; i += 1) await take();
    let passed = 0;
    await waitFor(async () => ((await take()).allowed ? (passed += 1) === 3 : false), {
      what: 'three tokens to come back',
    });
    // A server takes three seconds; the imitation rounds its clock up now and then, so it may gain a second in each.
    expect(performance.now() - startMs).toBeGreaterThan(1_000);
  });
});
