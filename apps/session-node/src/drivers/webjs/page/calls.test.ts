import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RawItem } from './agent-api.js';
import type { WaCall } from './wa.js';

const NOW = 1_700_000_000;
const FRIEND = '4915112345678@c.us';

describe('calls, as the page sets them', () => {
  const calls = new Map<string, WaCall>();
  const modules: Record<string, unknown> = {
    WAWebCallCollection: { calls },
    WAWebCollections: { Chat: { get: () => undefined }, Contact: { get: () => undefined } },
    WAWebWidFactory: { createWid: (text: string) => text },
    WAWebApiContact: { getCurrentLid: () => undefined, getPhoneNumber: () => undefined },
  };

  beforeEach(() => {
    vi.stubGlobal('window', { require: (name: string) => modules[name] });
    vi.spyOn(Date, 'now').mockReturnValue(NOW * 1000);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  it('are told while they ring, and not when they rang before the page came back', async () => {
    const { attachCalls } = await import('./calls.js');
    const told: RawItem[] = [];
    attachCalls((item) => told.push(item));
    const ring = (id: string, offerTime?: number) => calls.set(id, { id, peerJid: FRIEND, offerTime });
    ring('now', NOW - 30);
    ring('hours ago', NOW - 7_200);
    ring('who knows when');
    expect(told.map((item) => (item.kind === 'call' ? item.call.id : item.kind))).toEqual([
      'now',
      'who knows when',
    ]);
    expect([...calls.keys()]).toHaveLength(3);
  });
});
