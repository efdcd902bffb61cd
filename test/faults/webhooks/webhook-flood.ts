import { setTimeout as delay } from 'node:timers/promises';
import type { Receivers } from '../../support/flood-receivers.js';
import { waitFor } from '../../support/wait-for.js';
import { SeededRandom } from '../nemesis/seeded-random.js';
import type { FloodApi, FloodTenant } from './flood-tenant.js';
import { StreamFollower } from './stream-follower.js';

export interface FloodWish {
  events: number;
  /** Webhooks whose receivers take everything, and those whose receivers do not. */
  healthy: number;
  bad: number;
  /** How often one of the two api processes is killed while events are on their way. */
  kills: number;
  /** Events of each phase in which there is little to do. */
  calmEvents: number;
  seed: number;
  deadlineMs: number;
  tell: (line: string) => void;
}

/** Milliseconds from an event's making to its arrival. */
export interface Latencies {
  count: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
}

export interface FloodResult {
  /** What is missing, by healthy receiver; empty: each has every event. */
  missing: Record<string, number>;
  /** Events that a healthy receiver got more than once. */
  repeated: number;
  posts: number;
  healthyPosts: number;
  tookMs: number;
  /** Holes in `seq`. */
  holes: number;
  /** Of those who follow the stream, one at first at each process: what did not come exactly once and in order. */
  streams: { seen: number; wrong: number; resumed: number }[];
  lastSeq: number;
  calm: { without: Latencies; withBad: Latencies };
}

const BATCH = 500;
/** So far behind the slowest healthy receiver may be before more is written. */
const MOST_BEHIND = 3_000;
const LOOK_EVERY_MS = 100;
const CALM_EVERY_MS = 50;

/** Events for many receivers, at first few at a time, then as many as there is room for while processes are killed. */
export class WebhookFlood {
  private readonly random: SeededRandom;
  private names: string[] = [];

  constructor(
    private readonly tenant: FloodTenant,
    private readonly receivers: Receivers,
    private readonly wish: FloodWish,
  ) {
    this.random = new SeededRandom(wish.seed);
  }

  async run(): Promise<FloodResult> {
    const { tenant, receivers, wish } = this;
    const urls = tenant.apis.map(({ baseUrl }) => baseUrl);
    const followers = urls.map((_, at) => new StreamFollower(urls, tenant.key, at));
    this.names = await tenant.makeWebhooks(receivers.port, wish.healthy, true);
    const without = await this.calm('without bad receivers');
    await tenant.makeWebhooks(receivers.port, wish.bad, false);
    const withBad = await this.calm('with bad receivers');
    const startMs = performance.now();
    await Promise.all([this.write(), this.killInTurn()]);
    await waitFor(async () => Object.keys(await this.missing()).length === 0, {
      what: 'every healthy receiver to have everything',
      deadlineMs: wish.deadlineMs,
      pollMs: LOOK_EVERY_MS,
    }).catch((error: unknown) => wish.tell(String(error)));
    const tookMs = performance.now() - startMs;
    const { holes, last } = await tenant.numbering();
    await waitFor(() => followers.every(({ lastSeq }) => lastSeq >= last), {
      what: 'the streams to be at the end',
    }).catch((error: unknown) => wish.tell(String(error)));
    for (const follower of followers) await follower.stop();
    const streams = followers.map(({ lastSeq, wrong, resumed }) => ({ seen: lastSeq, wrong, resumed }));
    const { posts, healthyPosts, seen } = await receivers.report();
    const repeated = this.names.reduce((total, name) => total + (seen[name]?.repeated ?? 0), 0);
    const missing = await this.missing();
    return {
      missing,
      repeated,
      posts,
      healthyPosts,
      tookMs,
      holes,
      streams,
      lastSeq: last,
      calm: { without, withBad },
    };
  }

  /** A few events a second, made as tenants make them. */
  private async calm(what: string): Promise<Latencies> {
    const { tenant, receivers, wish } = this;
    const latencies: number[] = [];
    const wanted = wish.calmEvents * wish.healthy;
    for (let at = 0; at < wish.calmEvents; at += 1) {
      await tenant.happen(at);
      await delay(CALM_EVERY_MS);
    }
    await waitFor(async () => latencies.push(...(await receivers.takeLatencies())) >= wanted, {
      what: `events ${what}`,
      deadlineMs: wish.deadlineMs,
    });
    const found = latenciesOf(latencies);
    wish.tell(`event to delivery, ${what}: ${JSON.stringify(found)} ms`);
    return found;
  }

  private async write(): Promise<void> {
    for (let written = 0; written < this.wish.events;) {
      const behind = written - (await this.leastSeen());
      if (behind > MOST_BEHIND) await delay(LOOK_EVERY_MS);
      else {
        const count = Math.min(BATCH, this.wish.events - written);
        await this.tenant.write(count);
        written += count;
      }
    }
  }

  /** Each kill in its own part of the flood, at a moment that nobody knows before. */
  private async killInTurn(): Promise<void> {
    const { events, kills, deadlineMs, tell } = this.wish;
    for (let kill = 0; kill < kills; kill += 1) {
      const share = (kill + 0.1 + 0.8 * this.random.next()) / kills;
      await waitFor(async () => (await this.leastSeen()) >= share * events, {
        what: `kill ${String(kill + 1)}`,
        deadlineMs,
        pollMs: LOOK_EVERY_MS,
      });
      await delay(this.random.between(0, LOOK_EVERY_MS));
      const at = this.random.between(0, 1);
      await restart(this.tenant.apis[at]!);
      const { posts } = await this.receivers.report();
      tell(`killed api ${String(at + 1)} at ${(share * 100).toFixed(0)} %; ${String(posts)} posts so far`);
    }
  }

  private async leastSeen(): Promise<number> {
    const { seen } = await this.receivers.report();
    return Math.min(...this.names.map((name) => seen[name]?.unique ?? 0));
  }

  private async missing(): Promise<Record<string, number>> {
    const { seen } = await this.receivers.report();
    const counts = this.names.map((name): [string, number] => [
      name,
      this.wish.events - (seen[name]?.unique ?? 0),
    ]);
    return Object.fromEntries(counts.filter(([, count]) => count !== 0));
  }
}

async function restart({ part }: FloodApi): Promise<void> {
  await part.kill();
  await part.start();
}

function latenciesOf(values: number[]): Latencies {
  const sorted = values.sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
  return { count: sorted.length, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
}
