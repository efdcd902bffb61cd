import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FLOOD_SETTINGS, floodWithMedia, growthOf } from '../../support/media-flood.js';
import { linkSession, newPhone } from '../../support/session-steps.js';
import { startStack, type Stack } from '../../support/stack.js';

const MESSAGES = 60;
/** Far above what a run of this length moves, far below what holding its files would. */
const MOST_GROWTH_MIB = 200;

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ profile: '2026-09', apiEnv: FLOOD_SETTINGS });
});
afterAll(async () => {
  await stack?.close();
});

describe('files that come in while downloads fail', { timeout: 400_000 }, () => {
  it('each end stored with the bytes that were sent, or with a reason', async () => {
    const { client } = await stack.createTenant('Flood');
    const phone = newPhone();
    await linkSession(stack, client, phone);
    const result = await floodWithMedia(stack, client, phone, { messages: MESSAGES, deadlineMs: 240_000 });
    expect(result.faults).toEqual([]);
    const { stored = 0, ...others } = result.ends;
    expect(Object.values(others).reduce((sum, count) => sum + count, stored)).toBe(MESSAGES);
    expect(result.ends).toMatchObject({ 'failed: too_large': 1 });
    expect(stored).toBeGreaterThanOrEqual(MESSAGES - 8);
    expect(growthOf(result.memory.api)).toBeLessThan(MOST_GROWTH_MIB);
    expect(growthOf(result.memory.node)).toBeLessThan(MOST_GROWTH_MIB);
  });
});
