import { expect, it } from 'vitest';
import { waitFor } from '../../../../../test/support/index.js';
import { HeldSessions } from './held-sessions.js';

it('writes what waits of each session in its order, past one that stays held, until nothing waits', async () => {
  let isHeld = true;
  const written: string[] = [];
  const held = new HeldSessions<string>((group) => {
    if (isHeld && group.some((one) => one.startsWith('a'))) return Promise.resolve([]);
    written.push(...group);
    if (written.includes('b2')) isHeld = false;
    return Promise.resolve(group);
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
    return Promise.resolve([]);
  });
  held.add('a', ['a1']);
  await held.flush();
  held.add('a', ['a2']);
  await held.flush();
  expect(tries).toBe(1);
});

it('keeps what could not be written of a group, in its order, and tries that again', async () => {
  const groups: string[][] = [];
  const held = new HeldSessions<string>((group) => {
    groups.push([...group]);
    return Promise.resolve(group.slice(0, 2));
  });
  held.add('a', ['a1', 'a2', 'a3']);
  await held.flush();
  expect(groups).toEqual([['a1', 'a2', 'a3'], ['a3']]);
});

it('tries a few sessions at the same moment, so that one that waits for its rows holds up no other', async () => {
  const tries: string[] = [];
  const endings = new Map<string, () => void>();
  const held = new HeldSessions<string>(async (group) => {
    const [first = ''] = group;
    tries.push(first);
    if (!first.startsWith('free')) await new Promise<void>((end) => endings.set(first, end));
    return group;
  });
  for (const name of ['locked1', 'locked2', 'free1', 'free2']) held.add(name, [name]);
  await waitFor(() => held.items.length === 2, { what: 'the free ones to be written' });
  expect(held.items).toEqual(['locked1', 'locked2']);
  for (const name of ['locked3', 'locked4']) held.add(name, [name]);
  await waitFor(() => tries.includes('locked3'), { what: 'the third turn to be taken' });
  // Each takes one of few connections, so there is an end to it.
  expect(tries.toSorted()).toEqual(['free1', 'free2', 'locked1', 'locked2', 'locked3']);
  endings.get('locked2')?.();
  await waitFor(() => tries.includes('locked4'), { what: 'the next to have its turn' });
  for (const name of ['locked1', 'locked3', 'locked4']) endings.get(name)?.();
  await held.flush();
  expect(held.items).toEqual([]);
});
