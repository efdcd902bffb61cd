import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStack, type Stack } from '../../support/stack.js';
import { FLOOD_ENV, tenantOf } from './flood-tenant.js';
import { floodWebhooks } from './webhook-flood.js';

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ profile: '2026-09', withoutNode: true, apiEnv: FLOOD_ENV });
});
afterAll(async () => {
  await stack?.close();
});

describe('events for many receivers, half of them bad, while the api is killed', { timeout: 400_000 }, () => {
  it('all reach those that take them, without a gap', async () => {
    const { client, tenantId } = await tenantOf(stack);
    const result = await floodWebhooks(stack, client, tenantId, {
      events: 600,
      webhooks: 12,
      everyBad: 2,
      kills: 2,
      deadlineMs: 240_000,
      tell: () => undefined,
    });
    expect(result).toMatchObject({ missing: {}, holes: 0 });
  });
});
