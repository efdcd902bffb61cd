import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FloodReceivers } from '../../support/flood-receivers.js';
import { startStack, type Stack } from '../../support/stack.js';
import { FLOOD_ENV, FloodTenant } from './flood-tenant.js';
import { WebhookFlood } from './webhook-flood.js';

let stack: Stack;
let tenant: FloodTenant;
let receivers: FloodReceivers;

beforeAll(async () => {
  stack = await startStack({ profile: '2026-09', withoutNode: true, apiEnv: FLOOD_ENV });
  tenant = await FloodTenant.start(stack);
  receivers = await FloodReceivers.start();
}, 300_000);
afterAll(async () => {
  await receivers?.close();
  await tenant?.close();
  await stack?.close();
});

describe(
  'events for good and bad receivers while one of two api processes is killed',
  {
    timeout: 400_000,
  },
  () => {
    it('all reach those that take them, and those who stream them exactly once', async () => {
      const flood = new WebhookFlood(tenant, receivers, {
        events: 1_500,
        healthy: 6,
        bad: 7,
        kills: 2,
        calmEvents: 10,
        seed: Date.now(),
        deadlineMs: 240_000,
        tell: () => undefined,
      });
      const { missing, holes, streams, lastSeq } = await flood.run();
      expect({ missing, holes }).toEqual({ missing: {}, holes: 0 });
      for (const { seen, wrong } of streams) expect({ seen, wrong }).toEqual({ seen: lastSeq, wrong: 0 });
      expect(streams.reduce((total, { resumed }) => total + resumed, 0)).toBeGreaterThan(0);
    });
  },
);
