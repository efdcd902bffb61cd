import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type TestApi } from '../../../test/support/start-api.js';
import { waitFor } from '../../../test/support/index.js';
import { DeliverySlots } from '../src/webhooks/delivery/delivery-slots.js';
import { WebhookLimits } from '../src/webhooks/delivery/webhook-limits.js';
import { placesOf, upTo, WEBHOOK_SETTINGS, webhookSteps } from './webhook-steps.js';

/** Answers nothing, and counts the posts that wait. */
class HangingReceiver {
  open = 0;
  most = 0;
  private readonly server: Server = createServer((request, response) => {
    request.resume();
    this.open += 1;
    this.most = Math.max(this.most, this.open);
    response.once('close', () => (this.open -= 1));
  });

  async start(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${String((this.server.address() as AddressInfo).port)}/`;
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }
}

const HANGING = 20;
const POSTS = 24;
const LANES = 10;
const LANES_PER_TENANT = 6;

let api: TestApi;
let hanging: HangingReceiver;
const { receive, closeReceivers, create, happen } = webhookSteps(() => api);

beforeAll(async () => {
  api = await startApi(WEBHOOK_SETTINGS);
  hanging = new HangingReceiver();
});
afterAll(async () => {
  await hanging?.close();
  await closeReceivers();
  await api?.close();
});

describe('a tenant whose receivers all hang', () => {
  it('has so many posts under way and no more, and holds up no other tenant', async () => {
    const limits = api.app.get(WebhookLimits, { strict: false });
    Object.assign(limits, { lanes: LANES, lanesPerTenant: LANES_PER_TENANT, postsPerTenant: POSTS });
    const [bad, good] = [await api.createTenant(), await api.createTenant()];
    const url = await hanging.start();
    for (let i = 0; i < HANGING; i += 1) await create(bad, url);
    await happen(bad, 20);
    await waitFor(() => hanging.open >= POSTS, { what: 'its share of posts to hang' });
    const receiver = await receive();
    await create(good, receiver.url);
    await happen(good, 50);
    // What hangs is given up after fifteen seconds; until then nothing of the other tenant makes room.
    await waitFor(() => placesOf(receiver).length >= 50, { what: 'the events', deadlineMs: 14_000 });
    expect(placesOf(receiver)).toEqual(upTo(50));
    expect(hanging.most).toBeLessThanOrEqual(2 * POSTS);
  });
});

describe('tests of webhooks', () => {
  it('are a few at a time, and hold up those of no other tenant', async () => {
    const limits = api.app.get(WebhookLimits, { strict: false });
    Object.assign(limits, { testsPerTenant: 2 });
    const [bad, good] = [await api.createTenant(), await api.createTenant()];
    const answers: (() => void)[] = [];
    const slow = await receive((response) => void answers.push(() => response.end()));
    const webhook = await create(bad, slow.url);
    const test = () => bad.client.post(`/webhooks/${webhook.id}/test`);
    const running = [test(), test()];
    await waitFor(() => answers.length === 2, { what: 'two tests to be under way' });
    const refused = await test();
    expect(refused).toMatchObject({ status: 429, body: { code: 'rate_limited' } });
    expect(refused.headers.get('retry-after')).toBe('5');
    const other = await create(good, (await receive()).url);
    expect((await good.client.post(`/webhooks/${other.id}/test`)).body).toMatchObject({ delivered: true });
    for (const answer of answers) answer();
    for (const { body } of await Promise.all(running)) expect(body).toMatchObject({ delivered: true });
    const again = test();
    await waitFor(() => answers.length === 3, { what: 'the next test' });
    answers[2]?.();
    expect((await again).status).toBe(200);
  });
});

describe('posts of one tenant', () => {
  const limits = Object.assign(new WebhookLimits(), { postsPerTenant: 4, surePostsPerWebhook: 1 });
  const never = () => undefined;

  /** Slots of which the tenant `a` has four posts of one webhook under way. */
  function taken(): DeliverySlots {
    const slots = new DeliverySlots(limits);
    for (let ofWebhook = 0; ofWebhook < 4; ofWebhook += 1) slots.take('a', ofWebhook, never);
    return slots;
  }

  it('wait for others of it when its share is under way, and are told in turn', () => {
    const slots = taken();
    const told: string[] = [];
    expect(slots.take('a', 4, () => told.push('first'))).toBe(false);
    expect(slots.take('a', 4, () => told.push('second'))).toBe(false);
    expect(slots.take('b', 0, never)).toBe(true);
    slots.give('b', 0);
    expect(told).toEqual([]);
    slots.give('a', 3);
    expect(told).toEqual(['first']);
    expect(slots.take('a', 3, never)).toBe(true);
    slots.give('a', 3);
    expect(told).toEqual(['first', 'second']);
  });

  it('never stop a webhook that has none under way', () => {
    const slots = taken();
    for (let others = 0; others < 10; others += 1) expect(slots.take('a', 0, never)).toBe(true);
    expect(slots.take('a', 1, never)).toBe(false);
  });

  it('that are slow leave the others an equal part, however long they are slow', () => {
    const slots = taken();
    expect(slots.take('a', 0, never)).toBe(true);
    expect(slots.take('a', 1, never)).toBe(true);
    expect(slots.take('a', 2, never)).toBe(false);
    // The slow one comes down to its own part, and has all again when the other is done.
    slots.give('a', 3);
    expect(slots.take('a', 3, never)).toBe(false);
    slots.give('a', 2);
    expect(slots.take('a', 2, never)).toBe(false);
    slots.give('a', 1);
    slots.give('a', 0);
    expect(slots.take('a', 2, never)).toBe(true);
  });
});
