import type { OnApplicationShutdown } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { withDeadline } from '#kernel';
import { bucketStateOf, type BucketState } from './bucket-state.js';

type TakeToken = (key: string, limit: number, ttlMs: number) => Promise<[taken: number, left: string]>;

const TIMEOUT_MS = 500;

/**
 * Takes a token and answers { taken, tokens left }. By the server's clock, so that processes whose clocks differ agree.
 * A bucket that is full again is forgotten.
 */
const TAKE = `
local limit, ttl = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local tokens = limit
local known = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local had, at = tonumber(known[1]), tonumber(known[2])
if had and at then
  tokens = math.min(limit, had + math.max(0, now - at) * limit / ttl)
end
local taken = 0
if tokens >= 1 then
  tokens = tokens - 1
  taken = 1
end
local left = string.format('%.9f', tokens)
redis.call('HSET', KEYS[1], 'tokens', left, 'at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.ceil((limit - tokens) * ttl / limit) + 1))
return { taken, left }`;

/** The token buckets of several api processes, in Redis 5 or later. */
export class SharedTokenBuckets implements OnApplicationShutdown {
  private readonly takeToken: TakeToken;

  constructor(private readonly redis: Redis) {
    // ioredis reconnects by itself; whoever counts in the meantime gets the error.
    redis.on('error', () => undefined);
    redis.defineCommand('wagateTake', { numberOfKeys: 1, lua: TAKE });
    const commands = redis as unknown as { wagateTake: TakeToken };
    this.takeToken = (key, limit, ttlMs) => commands.wagateTake(key, limit, ttlMs);
  }

  /** Takes a token if there is one; rejects when Redis does not answer in half a second. */
  async take(key: string, ttlMs: number, limit: number): Promise<BucketState> {
    const taking = this.takeToken(`wagate:limit:${key}`, limit, ttlMs);
    const [taken, left] = await withDeadline(taking, TIMEOUT_MS, 'the rate limits in Redis');
    return bucketStateOf(Number(left), Number(taken) === 1, { ttlMs, limit });
  }

  onApplicationShutdown(): void {
    this.redis.disconnect();
  }
}
