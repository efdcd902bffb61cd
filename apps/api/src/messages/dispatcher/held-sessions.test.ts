import { expect, it } from 'vitest';
import { HeldSessions } from './held-sessions.js';

it('writes what waits of each session in its order, past one that stays held, until nothing waits', async () => {
  let isHeld = true;
  const written: string[] = [];
  const held = new HeldSessions<string>((group) => {
    if (isHeld && group.some((one) => one.startsWith('a'))) return Promise.resolve(false);
    written.push(...group);
    if (written.includes('b2')) isHeld = false;
    return Promise.resolve(true);
  });
  held.add('a', ['a1', 'a2']);
  held.add('b', ['b1', 'b2']);
  // As something of it waits, this belongs behind it.
  expect(held.holds('a')).toBe(true);
  held.add('a', ['a3']);
  expect(held.items.toSorted()).toEqual(['a1', 'a2', 'a3', 'b1', 'b2']);
  await held.flush();
  expect(written).toEqual(['b1', 'b2', 'a1', 'a2', 'a3']);
  expect([held.holds('a'), held.holds('b'), held.items]).toEqual([false, false, []]);
});

it('tries nothing more once it is stopped', async () => {
  let tries = 0;
  const held = new HeldSessions<string>(() => {
    tries += 1;
    held.stop();
    return Promise.resolve(false);
  });
  held.add('a', ['a1']);
  await held.flush();
  held.add('a', ['a2']);
  await held.flush();
  expect(tries).toBe(1);
});
