import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { EventEnvelope } from '#contracts';
import { newId } from '#kernel';
import { waitFor } from '../../../../../test/support/index.js';
import type { StoredWebhook } from '../webhook.js';
import type { AttemptResult } from '../webhook-sender.js';
import type { LaneParts } from './lane-parts.js';
import { WebhookLane } from './webhook-lane.js';

const LEASE_PATIENCE_MS = 20_000;

const WEBHOOK: StoredWebhook = {
  tenantId: newId('tnt'),
  id: newId('whk'),
  url: 'https://example.com/',
  description: null,
  mode: 'live',
  eventTypes: null,
  sessionIds: null,
  headersSealed: null,
  secretSealed: Buffer.alloc(0),
  previousSecretSealed: null,
  previousSecretUntil: null,
  enabled: true,
  disabledReason: null,
  disabledAt: null,
  cursorSeq: 0,
  failures: 0,
  failingSince: null,
  openUntil: null,
  leasedBy: 'a-process a-lease',
  createdAt: new Date(),
  updatedAt: new Date(),
};

const TAKEN: AttemptResult = {
  attempt: {
    at: new Date().toISOString(),
    status: 200,
    error: null,
    durationMs: 1,
    responseType: null,
    responseHead: null,
  },
  retryAfterSeconds: null,
};

const events = (count: number): EventEnvelope[] =>
  Array.from({ length: count }, (_, i) => ({
    id: newId('evt'),
    seq: i + 1,
    type: 'limit.reached',
    apiVersion: '1',
    createdAt: new Date().toISOString(),
    tenantId: WEBHOOK.tenantId,
    session: null,
    data: {},
  }));

/** A promise that is kept from outside. */
function promised<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((keep) => (resolve = keep));
  return { promise, resolve };
}

/** Parts of a lane with so many events to deliver, all of which are taken. */
function partsWith(count: number, parts: Partial<LaneParts>): LaneParts {
  const all = events(count);
  return {
    send: () => Promise.resolve(TAKEN),
    listNew: (_, after) => Promise.resolve({ events: all.slice(after), lastSeq: all.length, hasMore: false }),
    listDue: () => Promise.resolve([]),
    record: () => Promise.resolve(true),
    sizeOf: () => 100,
    takeSlot: () => true,
    giveSlot: () => undefined,
    mostInFlight: 8,
    now: () => Date.now(),
    ...parts,
  };
}

describe('a lane', () => {
  it('posts nothing while its lease may run out, and goes on when it is renewed', async () => {
    let posted = 0;
    const renewing = promised<boolean>();
    const read = promised<undefined>();
    const parts = partsWith(3, {
      send: () => {
        posted += 1;
        return Promise.resolve(TAKEN);
      },
      record: () => renewing.promise,
    });
    const { listNew } = parts;
    parts.listNew = (...args) => listNew(...args).finally(() => read.resolve(undefined));
    const lane = new WebhookLane(WEBHOOK, parts, performance.now() - LEASE_PATIENCE_MS - 1);
    const ended = lane.run();
    await read.promise;
    for (let turns = 0; turns < 10; turns += 1) await turn();
    expect(posted).toBe(0);
    renewing.resolve(true);
    await ended;
    expect(posted).toBe(3);
  });

  it('posts nothing more when it learns that its lease is lost', async () => {
    let posted = 0;
    const parts = partsWith(3, {
      send: () => {
        posted += 1;
        return Promise.resolve(TAKEN);
      },
      record: () => Promise.resolve(false),
    });
    await new WebhookLane(WEBHOOK, parts, performance.now() - LEASE_PATIENCE_MS - 1).run();
    expect(posted).toBe(0);
  });

  it('reads no further ahead while what it has is large', async () => {
    const all = events(40);
    const answer = promised<AttemptResult>();
    const reads: number[] = [];
    let steps = 0;
    const parts = partsWith(0, {
      send: () => answer.promise,
      sizeOf: () => 100_000,
      now: () => {
        steps += 1;
        return Date.now();
      },
      listNew: (_, after) => {
        reads.push(after);
        const slice = all.slice(after, after + 10);
        return Promise.resolve({
          events: slice,
          lastSeq: after + slice.length,
          hasMore: slice.length === 10,
        });
      },
    });
    const lane = new WebhookLane(WEBHOOK, parts);
    const ended = lane.run();
    await waitFor(() => reads.length >= 2, { what: 'it to read again' });
    const before = steps;
    await waitFor(() => steps > before + 10, { what: 'it to have had time to read more' });
    // Eight are under way, and five that wait are enough.
    expect(reads).toEqual([0, 10]);
    answer.resolve(TAKEN);
    await ended;
    expect(reads).toEqual([0, 10, 20, 30, 40]);
  });

  it('remembers news that came while it gave its webhook back', async () => {
    const parts = partsWith(1, {});
    const wakes = new WebhookLane(WEBHOOK, {
      ...parts,
      record: (_, { release }) => {
        if (release) wakes.wake();
        return Promise.resolve(true);
      },
    });
    await wakes.run();
    expect(wakes.wasWokenLate).toBe(true);
    const sleeps = new WebhookLane(WEBHOOK, parts);
    sleeps.wake();
    await sleeps.run();
    expect(sleeps.wasWokenLate).toBe(false);
  });
});
